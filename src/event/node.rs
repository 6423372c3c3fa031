//! The name of the machine, for the `node` field of events.

/// The host name as the system knows it; `localhost` where it has none.
pub fn node_name() -> String {
    match gethostname::gethostname().to_string_lossy() {
        name if name.is_empty() => "localhost".to_owned(),
        name => name.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_a_name() {
        let name = node_name();
        assert!(!name.is_empty() && !name.contains('\0'), "{name:?}");
    }
}
