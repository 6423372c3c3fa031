//! Public suffixes: the ICANN section decides what a registrable domain is; the private section never does.

/// The public suffix of a name in presentation form by the ICANN section of the Public Suffix List.
///
/// Private rules (`netlify.app`) are climbed over until an ICANN rule or a bare top-level label is left. Empty for the root.
pub fn public_suffix(name: &str) -> &str {
    let mut rest = name;
    loop {
        let Some(suffix) = psl::suffix(rest.as_bytes()) else { return "" };
        let len = suffix.as_bytes().len();
        let text = &rest[rest.len() - len..];
        if suffix.typ() != Some(psl::Type::Private) {
            return text;
        }
        match text.split_once('.') {
            Some((_, parent)) => rest = parent,
            None => return text,
        }
    }
}

/// The registrable domain: the public suffix plus one label. Empty where there is none.
pub fn registrable(name: &str) -> &str {
    let suffix = public_suffix(name);
    if suffix.is_empty() || suffix.len() == name.len() {
        return "";
    }
    let head = &name[..name.len() - suffix.len() - 1];
    let start = head.bytes().rposition(|it| it == b'.').map_or(0, |at| at + 1);
    &name[start..]
}

/// Whether a top-level label is delegated by the root, as far as the Public Suffix List knows.
pub fn is_delegated(label: &str) -> bool {
    psl::suffix(label.as_bytes()).is_some_and(|it| it.is_known())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registrable_domains_follow_the_icann_section() {
        let check =
            |input: &str, expected: &str| assert_eq!(registrable(input), expected, "{input}");
        check("a.b.paypal.com", "paypal.com");
        check("x.netlify.app", "netlify.app");
        check("www.bbc.co.uk", "bbc.co.uk");
        check("bucket.s3.eu-west-1.amazonaws.com", "amazonaws.com");
        check("co.uk", "");
        check("com", "");
        check("", "");
        check("printer.lan", "printer.lan");
    }

    #[test]
    fn delegation_follows_the_list() {
        assert!(is_delegated("com") && is_delegated("uk"));
        assert!(!is_delegated("lan") && !is_delegated(""));
    }
}
