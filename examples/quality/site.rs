//! The unit that is counted: what a person registers.

use squint::name::Host;

/// What a person registers: the tenant on a platform, else the registrable domain.
pub(crate) fn site<'a>(host: &Host<'a>) -> &'a str {
    match host.hosting {
        Some(hosting) if !hosting.tenant.is_empty() => hosting.tenant,
        Some(_) => host.name,
        None if host.registrable.is_empty() => host.name,
        None => host.registrable,
    }
}
