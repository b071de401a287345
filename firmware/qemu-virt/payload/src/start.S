// Boot header of arm64 Linux, relocation, stack, exception vectors.

.set R_AARCH64_RELATIVE, 1027
.set FRAME, 272                 // struct Frame of exception.rs

.section .text.head, "ax"
.global _start
_start:
    b 1f
    .word 0
    .quad 0                     // offset of the text
    .quad (__stack_top - .) + 16    // bytes that the image needs: this word is the third of the image
    .quad 0xa                   // little-endian, 4 KiB pages, anywhere in memory
    .quad 0, 0, 0
    .ascii "ARM\x64"
    .word 0

1:  msr daifset, #0xf
    adr x19, _start
    mov x20, x0
    adrp x1, __rela_start
    add x1, x1, :lo12:__rela_start
    adrp x2, __rela_end
    add x2, x2, :lo12:__rela_end
2:  cmp x1, x2
    b.hs 3f
    ldp x3, x4, [x1], #16
    ldr x5, [x1], #8
    cmp x4, #R_AARCH64_RELATIVE
    b.ne 2b
    add x5, x5, x19
    str x5, [x19, x3]
    b 2b
3:  adrp x1, __bss_start
    add x1, x1, :lo12:__bss_start
    adrp x2, __bss_end
    add x2, x2, :lo12:__bss_end
4:  cmp x1, x2
    b.hs 5f
    stp xzr, xzr, [x1], #16
    b 4b
5:  adrp x1, __stack_top
    add x1, x1, :lo12:__stack_top
    mov sp, x1
    adrp x1, __vectors
    add x1, x1, :lo12:__vectors
    msr vbar_el1, x1
    isb
    mov x0, x20
    bl payload_main
6:  wfi
    b 6b

.macro vector number
    .balign 0x80
    sub sp, sp, #FRAME
    stp x0, x1, [sp, #0]
    stp x2, x3, [sp, #16]
    mov x1, #\number
    b save_rest
.endm

.section .text.vectors, "ax"
.balign 2048
.global __vectors
__vectors:
    .irp number, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    vector \number
    .endr
    .balign 0x80
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
    mrs x0, elr_el1
    stp x30, x0, [sp, #240]
    mrs x0, spsr_el1
    mrs x2, esr_el1
    stp x0, x2, [sp, #256]
    mov x0, sp
    bl payload_exception
    ldr x0, [sp, #256]
    msr spsr_el1, x0
    ldp x30, x0, [sp, #240]
    msr elr_el1, x0
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
