//! `deploy`.
use super::*;
use crate::command::Deploy;

impl<D: ManagerDevice> PartitionManager<D> {
    pub(super) fn deploy(&self, args: &Deploy, _files: &dyn FileSource) -> Result<(), Error> {
        let partition = self.open(args.partition_id)?;
        let (_token, _info) = self.begin(&partition, args.partition_id, Operation::Deploy)?;
        Err(ManagerError::NeedsDaemon("deploy").into())
    }
}
