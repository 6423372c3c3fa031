//! The name of the machine, for the `node` field of events.

#![expect(unsafe_code, reason = "the host name is the kernel's to tell")]

/// The host name as the kernel knows it; `localhost` where it has none.
pub fn node_name() -> String {
    let mut buffer = [0_u8; 256];
    // SAFETY: the kernel writes at most `len - 1` octets into the buffer, whose last octet stays zero.
    let failed =
        unsafe { libc::gethostname(buffer.as_mut_ptr().cast::<libc::c_char>(), buffer.len() - 1) };
    let name = buffer.split(|&it| it == 0).next().unwrap_or_default();
    match String::from_utf8_lossy(name) {
        name if failed == 0 && !name.is_empty() => name.into_owned(),
        _ => "localhost".to_owned(),
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
