//! Stand-ins for the upstream's URL and the server's prefix.

use std::{fmt, str};

/// An upstream URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(String);
/// A prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl str::FromStr for Url {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }
}
impl str::FromStr for Prefix {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }
}
impl super::value::Text for Url {
    fn read(text: &str) -> Result<Self, String> {
        text.parse()
    }
}
impl super::value::Text for Prefix {
    fn read(text: &str) -> Result<Self, String> {
        text.parse()
    }
}
