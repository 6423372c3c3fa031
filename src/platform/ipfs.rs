//! IPFS by its labels: `ipfs`, `ipns` and CIDv1 labels tell a gateway under any domain.

use crate::name::{Class, Hosting, Scope, registrable};

/// Shortest CIDv1 label: a base36 identifier of a SHA-256 digest has 49 characters or more, shorter digests somewhat less.
const CID_LEN_MIN: usize = 44;

/// Octets of a digest that content is known by: 160 bits and more, up to what a label holds.
const DIGEST_LEN: std::ops::RangeInclusive<u64> = 20..=64;

/// Whether a label is a CIDv1 in a form that survives DNS: multibase base32 (`bafy…`, `bafk…`, `bafz…`) or base36
/// (`k51q…`, `k2k4r8…`) of version, codec and multihash.
///
/// CIDv0 (`Qm…`) is base58, whose case DNS does not keep.
pub(super) fn is_cid(label: &str) -> bool {
    if label.len() < CID_LEN_MIN {
        return false;
    }
    let mut octets = [0; 64];
    let decoded = match label.as_bytes().split_first() {
        Some((b'b', digits)) => base32(digits, &mut octets),
        Some((b'k', digits)) => base36(digits, &mut octets),
        _ => None,
    };
    decoded.and_then(read_cid).is_some()
}

/// Reads version 1, a codec, a hash function, and a digest that is as long as it says and ends the identifier.
fn read_cid(octets: &[u8]) -> Option<()> {
    let (version, rest) = varint(octets)?;
    let (_codec, rest) = varint(rest)?;
    let (_function, rest) = varint(rest)?;
    let (len, digest) = varint(rest)?;
    let plausible = version == 1 && DIGEST_LEN.contains(&len);
    (plausible && u64::try_from(digest.len()) == Ok(len)).then_some(())
}

/// An unsigned varint, seven bits an octet and the lowest first, with what follows it; those used here are short.
fn varint(octets: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (at, &octet) in octets.iter().take(4).enumerate() {
        value |= u64::from(octet & 0x7f) << (7 * at);
        if octet & 0x80 == 0 {
            return Some((value, &octets[at + 1..]));
        }
    }
    None
}

/// Decodes base32 without padding (RFC 4648 section 6, lower case); bits left over say nothing.
fn base32<'o>(digits: &[u8], octets: &'o mut [u8; 64]) -> Option<&'o [u8]> {
    let (mut bits, mut held, mut len) = (0_u32, 0, 0);
    for &digit in digits {
        let value = match digit {
            b'a'..=b'z' => digit - b'a',
            b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            *octets.get_mut(len)? = (bits >> held) as u8;
            bits &= (1 << held) - 1;
            len += 1;
        }
    }
    (held < 5).then(|| &octets[..len])
}

/// Decodes base36: one number, the most significant digit first. A CIDv1 starts with octet 1, so that no zeros lead.
fn base36<'o>(digits: &[u8], octets: &'o mut [u8; 64]) -> Option<&'o [u8]> {
    let mut start = octets.len();
    for &digit in digits {
        let mut carry = u32::from(match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'z' => digit - b'a' + 10,
            _ => return None,
        });
        for octet in octets[start..].iter_mut().rev() {
            carry += u32::from(*octet) * 36;
            *octet = carry as u8;
            carry >>= 8;
        }
        if carry > 0 {
            start = start.checked_sub(1)?;
            octets[start] = carry as u8;
        }
    }
    Some(&octets[start..])
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
        // IPNS keys in base32, RSA and Ed25519, and RSA in base36.
        check("bafzbeicuzhhkpu4nhemn3drdpjbtkff7wdglhufkdaz24urfsj65xqs37i", true);
        check("bafzaajaiaejcavgjz2t5hdjzddoy4i32im2rjp5qzsz5bkqygoxfejmspxn4ew72", true);
        check("k2k4r8lj3b7e6tabhsmsagp5blj9y3skco8wtw5bb5see57m6v1o8ovu", true);
        check("k51qzi5uqu5dianzx3s6epe9zl10n4she9twg3dg8wcl2nri8d1ea58mj15vju", true);
        check("k2jmtxth6ref2h3gka5e6on7xurxkaofrd9ecavqlqb2n6rvqoqhqpdm", true);
        check("bafk2bzacebkmttvh2ogtsgg5ryrxuqzvcs73btft2cvbqm5okisze7o3yjn7u", true);
        // The digest is shorter than it says, and other long labels.
        check("bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbz", false);
        check("k2k4r8lj3b7e6tabhsmsagp5blj9y3skco8wtw5bb5see57m6v1o8ov", false);
        check("bestonlinebankingloginverificationsecurecustomerportal", false);
        check("kundenservicecenterkontoverifizierungsicherheitsabteilung", false);
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
