use std::io::Write;

use super::*;

#[test]
fn machine_without_the_driver_gets_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let error = CharDevice::open(folder.path().join("vmanager")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.text.contains("is vmanager.ko loaded"), "{}", error.text);
    assert!(error.text.contains("--device sim"), "{}", error.text);
}

#[test]
fn other_files_are_told_from_the_device() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"not a device").unwrap();
    for path in [file.path(), Path::new("/dev/null")] {
        let error = CharDevice::open(path).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported, "{}", path.display());
        assert!(error.text.ends_with("is not a device of the vManager driver"), "{}", error.text);
    }
}

#[test]
fn another_major_version_is_refused_and_another_minor_one_taken() {
    let path = Path::new(CharDevice::PATH);
    assert!(check_version(path, ABI_VERSION + 7).is_ok());
    let error = check_version(path, 0x0002_0000).unwrap_err();
    assert_eq!(error.text, "/dev/vmanager speaks version 2 of the interface, this program version 1");
}

#[test]
fn model_comes_from_the_device_tree() {
    let mut writer = vm_fdt::FdtWriter::new().unwrap();
    let root = writer.begin_node("").unwrap();
    writer.property_string("model", "linux,dummy-virt").unwrap();
    writer.end_node(root).unwrap();
    assert_eq!(model(&writer.finish().unwrap()).unwrap(), "linux,dummy-virt");
    assert_eq!(model(b"garbage").unwrap_err().kind, ErrorKind::Internal);
}
