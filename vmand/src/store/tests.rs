use super::*;
use vman_core::ErrorKind;

struct Place {
    directory: tempfile::TempDir,
    limits: config::Images,
}

impl Place {
    fn new() -> Self {
        let limits = config::Images { max_image_mib: 1, max_total_mib: 2, ..config::Images::default() };
        Self { directory: tempfile::tempdir().unwrap(), limits }
    }

    fn open(&self) -> ImageStore {
        ImageStore::open(self.directory.path(), &self.limits).unwrap()
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != ".lock").collect()
    }
}

fn piece(data: &[u8], range: std::ops::Range<usize>) -> ImagePut {
    ImagePut {
        digest: Digest::of(data).to_string(),
        size: data.len() as u64,
        offset: range.start as u64,
        data: data[range].to_vec(),
    }
}

fn image(fill: u8) -> Vec<u8> {
    vec![fill; 1 << 20]
}

fn upload(store: &ImageStore, data: &[u8]) -> Result<(), StoreError> {
    for start in (0..data.len()).step_by(512 << 10) {
        store.put(&piece(data, start..data.len().min(start + (512 << 10))))?;
    }
    Ok(())
}

#[test]
fn image_in_pieces_is_whole_in_the_end() {
    let place = Place::new();
    let store = place.open();
    let data: Vec<u8> = (0..1000u32).flat_map(u32::to_le_bytes).collect();
    assert_eq!(store.put(&piece(&data, 0..1000)).unwrap().received, 1000);
    assert_eq!(store.put(&piece(&data, 500..2500)).unwrap().received, 2500);
    assert_eq!(store.put(&piece(&data, 0..10)).unwrap().received, 2500);
    assert!(store.list().images.is_empty());
    assert_eq!(store.put(&piece(&data, 2500..4000)).unwrap().received, 4000);
    let digest = Digest::of(&data).to_string();
    assert_eq!(store.read(&digest, ByteSize(4000)).unwrap(), data);
    assert_eq!(store.list().used, 4000);
    assert_eq!(store.put(&piece(&data, 0..10)).unwrap().received, 4000);
    store.delete(&digest).unwrap();
    assert_eq!(store.delete(&digest).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(place.files().is_empty());
}

#[test]
fn bytes_with_another_digest_are_dropped() {
    let place = Place::new();
    let store = place.open();
    let wrong = ImagePut { digest: "0".repeat(64), ..piece(b"bytes", 0..5) };
    let error = store.put(&wrong).unwrap_err();
    assert!(error.to_string().starts_with("Image has digest"), "{error}");
    assert!(place.files().is_empty());
    assert_eq!(store.put(&piece(b"bytes", 0..5)).unwrap().received, 5);
}

#[test]
fn each_bad_piece_names_its_rule() {
    let store_place = Place::new();
    let store = store_place.open();
    let good = piece(b"bytes", 0..5);
    let cases = [
        (ImagePut { digest: "xyz".into(), ..good.clone() }, "64 hexadecimal digits"),
        (ImagePut { size: 0, ..good.clone() }, "size must be at least 1"),
        (ImagePut { size: 3 << 20, ..good.clone() }, "larger than 1 MiB"),
        (ImagePut { data: Vec::new(), ..good.clone() }, "data is empty"),
        (ImagePut { data: vec![0; (512 << 10) + 1], ..good.clone() }, "more than 524288"),
        (ImagePut { offset: 1, ..good.clone() }, "beyond the image's size"),
        (ImagePut { offset: u64::MAX, ..good.clone() }, "beyond the image's size"),
        (ImagePut { offset: 2, size: 9, ..good.clone() }, "send the piece at 0"),
    ];
    for (piece, rule) in cases {
        let text = store.put(&piece).unwrap_err().to_string();
        assert!(text.contains(rule), "{text}");
    }
    store.put(&piece(b"bytes", 0..2)).unwrap();
    let text = store.put(&ImagePut { size: 9, ..good }).unwrap_err().to_string();
    assert!(text.contains("began with 5"), "{text}");
}

#[test]
fn store_never_holds_more_than_its_capacity() {
    let place = Place::new();
    let store = place.open();
    upload(&store, &image(1)).unwrap();
    let second = image(2);
    store.put(&piece(&second, 0..10)).unwrap();
    let error = store.put(&piece(&image(3), 0..10)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoResources);
    assert_eq!(
        error.to_string(),
        "Image store has 2 MiB of 2 MiB in use and no room for 1 MiB: delete images first"
    );
    store.put(&piece(&second, 10..1000)).unwrap();
}

#[test]
fn abandoned_upload_gives_way_to_a_new_one() {
    let mut place = Place::new();
    place.limits.upload_timeout_s = 0;
    let store = place.open();
    store.put(&piece(&image(1), 0..10)).unwrap();
    store.put(&piece(&image(2), 0..10)).unwrap();
    store.put(&piece(&image(3), 0..10)).unwrap();
    assert_eq!(place.files(), [format!("{PARTIAL}{}", Digest::of(&image(3)))]);
}

#[test]
fn next_start_removes_what_a_killed_daemon_left() {
    let place = Place::new();
    let whole = image(1);
    {
        let store = place.open();
        upload(&store, &whole).unwrap();
        store.put(&piece(&image(2), 0..10)).unwrap();
    }
    assert_eq!(place.files().len(), 2);
    let store = place.open();
    assert_eq!(place.files(), [format!("{WHOLE}{}", Digest::of(&whole))]);
    let error = store.put(&piece(&image(2), 10..20)).unwrap_err();
    assert!(error.to_string().ends_with("send the piece at 0"), "{error}");
}

#[test]
fn two_daemons_do_not_share_a_store() {
    let place = Place::new();
    let _first = place.open();
    let error = ImageStore::open(place.directory.path(), &place.limits).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
}

#[test]
fn damaged_image_is_not_deployed() {
    let place = Place::new();
    let store = place.open();
    upload(&store, b"bytes").unwrap();
    let digest = Digest::of(b"bytes");
    fs::write(store.file(&digest), b"bytez").unwrap();
    let error = store.read(&digest.to_string(), ByteSize(100)).unwrap_err();
    assert!(error.to_string().contains("is damaged"), "{error}");
}

#[test]
fn many_clients_that_upload_the_same_image_end_with_one() {
    let place = Place::new();
    let store = place.open();
    let data: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for start in (0..data.len()).step_by(50_000) {
                    let piece = piece(&data, start..start + 50_000);
                    // A client that lost the race is told so and finds the image complete when it goes on.
                    while let Err(error) = store.put(&piece) {
                        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
                    }
                }
            });
        }
    });
    assert_eq!(store.read(&Digest::of(&data).to_string(), ByteSize(1 << 20)).unwrap(), data);
    assert_eq!(place.files().len(), 1);
}
