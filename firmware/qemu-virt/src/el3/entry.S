// Reset, exception vectors and the way down to the operating systems.

.set STACK_SHIFT, 14            // 16 KiB per CPU (el3.ld)
.set FRAME, 272                 // struct Frame of exception.rs
.set READY_MAGIC, 0x5245414459  // not a value that memory holds by chance
.set SCTLR_OFF, 0x30c50830      // RES1 bits: MMU and caches off

// x0 = linked address of the top of this CPU's stack; uses x1
.macro stack_top
    mrs x1, mpidr_el1
    and x1, x1, #0xff
    add x1, x1, #1
    ldr x0, =__stacks
    add x0, x0, x1, lsl #STACK_SHIFT
.endm

.section .text.reset, "ax"
// Every CPU starts here, in flash, MMU off. CPU 0 copies the image to secure SRAM and builds the translation tables; the
// others wait for it.
.global reset
reset:
    msr daifset, #0xf
    ldr x0, =SCTLR_OFF
    msr sctlr_el3, x0
    msr cptr_el3, xzr
    isb
    mrs x19, mpidr_el1
    and x19, x19, #0xff
    cmp x19, #8                 // MAX_CPUS: no stack for more
    b.hs halt
    cbnz x19, 5f

    adr x0, reset
    ldr x1, =__image_start
    ldr x2, =__image_end
1:  ldp x3, x4, [x0], #16
    stp x3, x4, [x1], #16
    cmp x1, x2
    b.lo 1b
    ldr x1, =__bss_start
    ldr x2, =__bss_end
2:  cmp x1, x2
    b.hs 3f
    stp xzr, xzr, [x1], #16
    b 2b
3:  stack_top
    mov sp, x0
    ldr x0, =build_tables
    blr x0
    ldr x0, =__ready
    ldr x1, =READY_MAGIC
    dsb sy
    str x1, [x0]
    dsb sy
    sev
    b 6f

5:  ldr x0, =__ready
    ldr x2, =READY_MAGIC
    wfe
    ldr x1, [x0]
    cmp x1, x2
    b.ne 5b

    // From flash to the copy: only that one is mapped below.
6:  ldr x0, =7f
    br x0
7:  ldr x0, =__vectors
    msr vbar_el3, x0
    isb
    stack_top
    mov sp, x0
    ldr x0, =enable_mmu
    blr x0
    ldr x0, =el3_main
    br x0
halt:
    wfi
    b halt
.ltorg

.section .text.el3, "ax"
// Forgets everything on this CPU's stack and goes to the parking loop.
.global abandon_to_parking
abandon_to_parking:
    stack_top
    mov sp, x0
    b parked

// x0 = entry point, x1 = its x0, x2 = SPSR. Leaves the stack empty and no value of ours in any register.
.global enter_lower
enter_lower:
    msr elr_el3, x0
    msr spsr_el3, x2
    mov x2, x1
    stack_top
    mov sp, x0
    mov x0, x2
    mov x1, xzr
    .irp n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    mov x\n, xzr
    .endr
    .arch_extension fp
    .arch_extension simd
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    movi v\n\().2d, #0
    .endr
    .arch_extension nosimd
    .arch_extension nofp
    isb
    eret
.ltorg

// Registers of EL1 that both worlds use: as many as EL1_REGISTERS of secure.rs, SCTLR_EL1 first.
.macro each_el1_register operation
    .irp register, sctlr_el1, cpacr_el1, ttbr0_el1, ttbr1_el1, tcr_el1, mair_el1, amair_el1, vbar_el1, elr_el1, spsr_el1
    \operation \register
    .endr
    .irp register, esr_el1, far_el1, afsr0_el1, afsr1_el1, par_el1, contextidr_el1, tpidr_el1, tpidr_el0, tpidrro_el0
    \operation \register
    .endr
    .irp register, sp_el0, sp_el1, cntkctl_el1, csselr_el1, mdscr_el1
    \operation \register
    .endr
.endm
.macro save_register register
    mrs x1, \register
    str x1, [x0], #8
.endm
.macro load_register register
    ldr x1, [x0], #8
    msr \register, x1
.endm

// x0 = where to
.global save_el1
save_el1:
    each_el1_register save_register
    ret

// x0 = where from
.global load_el1
load_el1:
    each_el1_register load_register
    isb
    ret

// x0 = Frame to enter, x1 = where the stack pointer is kept for leave_secure.
.global enter_secure
enter_secure:
    stp x19, x20, [sp, #-96]!
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    mov x2, sp
    str x2, [x1]
    sub sp, sp, #FRAME
    mov x3, #0
1:  ldp x4, x5, [x0], #16
    add x2, sp, x3
    stp x4, x5, [x2]
    add x3, x3, #16
    cmp x3, #FRAME
    b.lo 1b
    b restore_frame

// x0 = what enter_secure kept
.global leave_secure
leave_secure:
    mov sp, x0
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp x19, x20, [sp], #96
    ret

.macro vector number
    .balign 0x80
    sub sp, sp, #FRAME
    stp x0, x1, [sp, #0]
    stp x2, x3, [sp, #16]
    mov x1, #\number
    b save_rest
.endm

save_rest:
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    stp x18, x19, [sp, #144]
    stp x20, x21, [sp, #160]
    stp x22, x23, [sp, #176]
    stp x24, x25, [sp, #192]
    stp x26, x27, [sp, #208]
    stp x28, x29, [sp, #224]
    mrs x0, elr_el3
    stp x30, x0, [sp, #240]
    mrs x0, spsr_el3
    str x0, [sp, #256]
    mov x0, sp
    bl exception
restore_frame:
    ldr x0, [sp, #256]
    msr spsr_el3, x0
    ldp x30, x0, [sp, #240]
    msr elr_el3, x0
    ldp x28, x29, [sp, #224]
    ldp x26, x27, [sp, #208]
    ldp x24, x25, [sp, #192]
    ldp x22, x23, [sp, #176]
    ldp x20, x21, [sp, #160]
    ldp x18, x19, [sp, #144]
    ldp x16, x17, [sp, #128]
    ldp x14, x15, [sp, #112]
    ldp x12, x13, [sp, #96]
    ldp x10, x11, [sp, #80]
    ldp x8, x9, [sp, #64]
    ldp x6, x7, [sp, #48]
    ldp x4, x5, [sp, #32]
    ldp x2, x3, [sp, #16]
    ldp x0, x1, [sp, #0]
    add sp, sp, #FRAME
    eret

.section .text.vectors, "ax"
.balign 2048
.global __vectors
__vectors:
    .irp number, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    vector \number
    .endr
