//! What must hold for any octets; the fuzz targets check it as well.

pub(crate) mod query;
pub(crate) mod reply;
