//! IPFS by its labels: `ipfs`, `ipns` and CIDv1 labels tell a gateway under any domain.

use crate::name::{Class, Hosting, Scope, registrable};

/// Shortest CIDv1 label: a base32 SHA-256 identifier has 59 characters, shorter digests somewhat less.
const CID_LEN_MIN: usize = 44;

/// Whether a label is a CIDv1 in a form that survives DNS: base32 (`bafy…`, `bafk…`) or base36 (`k51q…`).
///
/// CIDv0 (`Qm…`) is base58, whose case DNS does not keep.
pub(super) fn is_cid(label: &str) -> bool {
    let base32 = |it: &u8| matches!(it, b'a'..=b'z' | b'2'..=b'7');
    let base36 = |it: &u8| matches!(it, b'a'..=b'z' | b'0'..=b'9');
    let bytes = label.as_bytes();
    bytes.len() >= CID_LEN_MIN
        && match bytes.first_chunk() {
            Some(b"bafy" | b"bafk") => bytes.iter().all(base32),
            Some(b"k51q") => bytes.iter().all(base36),
            _ => false,
        }
}

/// The gateway that the labels of a name tell; without a CID, `listed` platforms are left to their table.
#[inline]
pub(super) fn find(name: &str, listed: bool) -> Option<Hosting<'_>> {
    let bytes = name.as_bytes();
    let mut starts_label = true;
    for (start, &byte) in bytes.iter().enumerate() {
        // Few labels start like a CID or like `ipfs`; only those are read.
        if starts_label
            && matches!(byte, b'b' | b'i' | b'k')
            && let Some(found) = find_at(name, start, listed)
        {
            return Some(found);
        }
        starts_label = byte == b'.';
    }
    None
}

fn find_at(name: &str, start: usize, listed: bool) -> Option<Hosting<'_>> {
    let rest = &name[start..];
    let (label, parent) = rest.split_once('.')?;
    if is_cid(label) {
        return by_cid(rest, parent);
    }
    if listed || !matches!(label, "ipfs" | "ipns") || registrable(parent).is_empty() {
        return None;
    }
    let Some(head) = name[..start].strip_suffix('.') else {
        let (class, scope) = (Class::IpfsGateway, Scope::Host);
        return Some(Hosting { platform: rest, class, scope, tenant: "" });
    };
    let tenant = head.rfind('.').map_or(0, |at| at + 1);
    Some(hosting(&name[tenant..], rest))
}

/// A CID and its gateway, `ipfs` or `ipns` label included; a registrable domain that looks like a CID is none.
fn by_cid<'a>(tenant: &'a str, gateway: &'a str) -> Option<Hosting<'a>> {
    (!registrable(gateway).is_empty()).then(|| hosting(tenant, gateway))
}

fn hosting<'a>(tenant: &'a str, platform: &'a str) -> Hosting<'a> {
    Hosting { platform, class: Class::IpfsGateway, scope: Scope::Tenant, tenant }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CID: &str = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
    const RAW: &str = "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";
    const KEY: &str = "k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8";

    #[test]
    fn cids_are_told_by_their_shape() {
        let check = |label: &str, expected: bool| assert_eq!(is_cid(label), expected, "{label}");
        check(CID, true);
        check(RAW, true);
        check(KEY, true);
        check("bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzd1", false);
        check("bafy", false);
        check("QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG", false);
        check("bakfreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e", false);
    }

    #[test]
    fn gateways_are_told_by_their_labels() {
        let check = |name: &str, expected: Option<(&str, &str)>| {
            assert_eq!(find(name, false).map(|it| (it.tenant, it.platform)), expected, "{name}");
        };
        let name = format!("{CID}.ipfs.gw.example.com");
        check(&name, Some((&name, "ipfs.gw.example.com")));
        let below = format!("a.b.{KEY}.ipns.example.com");
        check(&below, Some((&below[4..], "ipns.example.com")));
        let bare = format!("{RAW}.example.com");
        check(&bare, Some((&bare, "example.com")));
        check(
            "en-wikipedia--on--ipfs-org.ipns.example.com",
            Some(("en-wikipedia--on--ipfs-org.ipns.example.com", "ipns.example.com")),
        );
        check("ipfs.example.com", Some(("", "ipfs.example.com")));
        check("docs.ipfs.com", None);
        check("ipfs.com", None);
        check(&format!("{CID}.com"), None);
        check("ipfs", None);
        check("", None);
    }
}
