//! Files of the client's machine, brought into the store of a daemon that cannot read them.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::{Client, ClientError};
use crate::command::{Command, Deploy, Image, ImagePut, Images, Paths, VersionRecord};
use crate::error::Error;

/// What a reference to a stored image begins with; 64 hexadecimal digits of its SHA-256 follow.
pub const IMAGE_PREFIX: &str = "image:sha256:";
/// The largest piece in one `image-put`.
const PIECE: usize = 512 << 10;

impl Client {
    /// `deploy`; files of this machine are uploaded first where the daemon says `paths: "remote"`, so that the same
    /// arguments work everywhere.
    ///
    /// # Errors
    /// As [`Client::call`] and [`Client::upload`].
    pub fn deploy(&mut self, args: &Deploy) -> Result<(), Error> {
        let version: VersionRecord = self.call(&Command::QueryVersion)?;
        let args = match version.paths {
            Paths::Local => args.clone(),
            Paths::Remote => self.with_uploads(args)?,
        };
        self.call::<serde::de::IgnoredAny>(&Command::Deploy(args)).map(|_| ())
    }

    fn with_uploads(&mut self, args: &Deploy) -> Result<Deploy, Error> {
        let mut args = args.clone();
        let files = [Some(&mut args.kernel), args.dtb.as_mut(), args.initrd.as_mut()];
        for file in files.into_iter().flatten().filter(|file| !file.starts_with(IMAGE_PREFIX)) {
            *file = self.upload(&*file)?;
        }
        Ok(args)
    }

    /// Brings a regular file into the daemon's store, unless it is there already, and gives the reference that
    /// `deploy` takes: `image:sha256:HEX`.
    ///
    /// # Errors
    /// [`ClientError::File`] if it cannot be read, and as [`Client::call`].
    pub fn upload(&mut self, path: impl AsRef<Path>) -> Result<String, Error> {
        self.upload_with(path, &mut |_, _| ())
    }

    /// As [`Client::upload`]; tells `progress` the bytes that the store has and the size of the file.
    ///
    /// # Errors
    /// As [`Client::upload`].
    pub fn upload_with(
        &mut self,
        path: impl AsRef<Path>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<String, Error> {
        let path = path.as_ref();
        let unreadable = |source| ClientError::File { path: path.to_owned(), source };
        let mut file = open_regular(path).map_err(unreadable)?;
        let (digest, size) = digest(&mut file).map_err(unreadable)?;
        let stored: Images = self.call(&Command::ImageList)?;
        if !stored.images.iter().any(|image| image.digest == digest) {
            file.rewind().map_err(unreadable)?;
            self.put(&mut file, &digest, size, progress).map_err(|error| match error {
                PutError::Read(source) => unreadable(source).into(),
                PutError::Refused(error) => error,
            })?;
        }
        Ok(format!("{IMAGE_PREFIX}{digest}"))
    }

    fn put(
        &mut self,
        file: &mut File,
        digest: &str,
        size: u64,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), PutError> {
        let mut offset = 0;
        loop {
            let mut data = Vec::with_capacity(PIECE);
            file.by_ref().take(PIECE as u64).read_to_end(&mut data).map_err(PutError::Read)?;
            let end = offset + data.len() as u64;
            let short = data.is_empty() && offset < size;
            if short {
                return Err(PutError::Read(io::ErrorKind::UnexpectedEof.into()));
            }
            let piece = ImagePut { digest: digest.to_owned(), size, offset, data };
            let image: Image = self.call(&Command::ImagePut(piece)).map_err(PutError::Refused)?;
            progress(image.received.min(size), size);
            if image.received >= size || end >= size {
                return Ok(());
            }
            offset = end;
        }
    }
}

enum PutError {
    Read(io::Error),
    Refused(Error),
}

/// Opens a file unless reading it could block or never end.
fn open_regular(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "is no regular file"));
    }
    File::open(path)
}

/// SHA-256 in hexadecimal digits, and the number of bytes.
fn digest(file: &mut File) -> io::Result<(String, u64)> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; PIECE];
    let mut size = 0;
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(&buffer[..read]);
        size += read as u64;
    }
    let digits = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((digits, size))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::command::{Incoming, Reply, encode_return};
    use crate::error::ErrorKind;

    #[allow(clippy::wildcard_enum_match_arm, reason = "answers what an upload asks, nothing else")]
    /// A daemon that cannot read our files: keeps what is put, gives it back with the deploy command that follows.
    fn remote(socket: UnixStream) -> (Vec<u8>, Option<Deploy>) {
        let mut stored = Vec::new();
        let mut deploy = None;
        for line in BufReader::new(&socket).split(b'\n') {
            let line = line.unwrap();
            let incoming = Incoming::parse(&line);
            let reply = match incoming.command.unwrap() {
                Command::QueryVersion => Reply::Version(VersionRecord {
                    protocol: 1,
                    version: "0".into(),
                    firmware: "1.0".into(),
                    paths: Paths::Remote,
                    simulated: true,
                }),
                Command::ImageList => Reply::Images(Images::default()),
                Command::ImagePut(piece) => {
                    assert_eq!(piece.offset, stored.len() as u64);
                    stored.extend(piece.data);
                    let received = stored.len() as u64;
                    Reply::Image(Image { digest: piece.digest, size: piece.size, received })
                }
                Command::Deploy(args) => {
                    deploy = Some(args);
                    Reply::Done {}
                }
                other => panic!("{other:?}"),
            };
            let mut out = Vec::new();
            encode_return(&mut out, &reply, incoming.id);
            (&socket).write_all(&out).unwrap();
        }
        (stored, deploy)
    }

    #[test]
    fn files_are_uploaded_in_pieces_where_paths_are_remote() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("Image");
        let bytes: Vec<u8> = (0..PIECE * 2 + 17).map(|n| n.to_le_bytes()[1]).collect();
        fs::write(&path, &bytes).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let daemon = std::thread::spawn(move || remote(theirs));
        let args = Deploy {
            partition_id: crate::id::PartitionId(1),
            kernel: path.to_str().unwrap().into(),
            dtb: Some(format!("{IMAGE_PREFIX}{}", "0".repeat(64))),
            initrd: None,
            cmdline: None,
        };
        let mut client = Client::from_socket(ours);
        client.deploy(&args).unwrap();
        drop(client);
        let (stored, deploy) = daemon.join().unwrap();
        let deploy = deploy.unwrap();
        assert!(stored == bytes);
        assert_eq!(deploy.kernel.len(), IMAGE_PREFIX.len() + 64);
        assert_eq!(deploy.dtb, args.dtb);
    }

    #[test]
    fn what_is_no_regular_file_is_refused_before_anything_is_sent() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let mut client = Client::from_socket(ours);
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(client.upload(directory.path()).unwrap_err().kind(), ErrorKind::InvalidArgument);
        let missing = directory.path().join("missing");
        assert_eq!(client.upload(missing).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
