//! stub
use crate::{name::Host, verdict::Finding};
/// c
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    #[doc = ""]
    pub domains: Vec<String>,
    #[doc = ""]
    pub owned: Vec<String>,
    #[doc = ""]
    pub brands: bool,
    #[doc = ""]
    pub known_good: bool,
    #[doc = ""]
    pub search_domains: Vec<String>,
}
/// e
pub struct Engine;
impl Engine {
    /// n
    pub fn new(_c: &Config) -> Self {
        Self
    }
    /// j
    pub fn judge(&self, _h: &Host<'_>, _o: &mut Vec<Finding>) -> u8 {
        0
    }
    /// p
    pub fn protected_count(&self) -> usize {
        0
    }
    /// o
    pub fn owner_of(&self, _h: &Host<'_>) -> Option<&str> {
        None
    }
}
