//! `tenant-brand`: a brand in the tenant of a platform. `paypal-login.netlify.app`, `metamask-wallet.webflow.io`.
//!
//! Anybody may take a tenant's name, so a brand there is stronger than platform or brand alone. Business platforms are
//! the exception: a brand as the whole tenant is what the brand itself uses (`cisco.sharepoint.com`) and never counts;
//! brand with keyword or a look-alike there is worth a log and no more.

use crate::name::{self, Class};

use super::{
    evidence::{Evidence, Feature, NO_LABEL},
    parts::Part,
    scan::{Place, Scan},
};

/// The feature of a brand at a place of the tenant's label.
pub(super) const fn feature(place: Place) -> Feature {
    match place {
        Place::Whole | Place::SubLabel => Feature::TenantWhole,
        Place::Token | Place::SubToken => Feature::TenantToken,
        Place::Inside | Place::SubInside => Feature::TenantInside,
    }
}

/// Highest score on a platform where business is done under the customer's own name.
pub(super) const BUSINESS_MAX: u8 = 75;

/// Whether a tenant's platform is one where companies work under their own names.
pub(super) fn is_business(scan: &Scan<'_>) -> bool {
    match scan.cut.platform {
        Some(Class::SaasTenant) => true,
        Some(_) => Part::Store.ends(scan.cut.suffix),
        None => false,
    }
}

/// Whether a brand in a tenant belongs to the owner of its platform.
fn is_platforms_own(scan: &Scan<'_>, evidence: &Evidence) -> bool {
    let owner = |domain| scan.know.protected.owner(name::registrable(domain));
    scan.cut.platform.is_some()
        && evidence.label != NO_LABEL
        && owner(scan.cut.suffix)
            .is_some_and(|it| owner(&scan.know.protected.label(evidence.label).domain) == Some(it))
}

/// Whether evidence counts on its platform: on a business platform only a look-alike or a brand beside a keyword does.
///
/// On any other, what the platform's owner runs there himself does not, nor a brand that is the whole name at a shortener: links of
/// apps are named so by the brand itself.
pub(super) fn counts(scan: &Scan<'_>, evidence: &Evidence) -> bool {
    let has = |it| evidence.features.has(it);
    if !is_business(scan) {
        let is_link = scan.cut.platform == Some(Class::Shortener) && has(Feature::TenantWhole);
        return !is_link && (has(Feature::KeywordStrong) || !is_platforms_own(scan, evidence));
    }
    let reads = [Feature::IdnWhole, Feature::IdnToken, Feature::FoldWhole, Feature::FoldToken];
    reads.into_iter().any(has)
        || (has(Feature::TenantToken) && has(Feature::KeywordStrong) && !has(Feature::Common))
}

#[cfg(test)]
mod tests {
    use crate::lookalike::tests::{hosted, score_hosted};
    use crate::name::Class;

    #[test]
    fn tenants() {
        let check = |name: &str, platform: &str, class, expected: std::ops::RangeInclusive<u8>| {
            let got = score_hosted(&hosted(name, platform, class));
            assert!(expected.contains(&got), "{name}: {got}");
        };
        check("paypal-login.netlify.app", "netlify.app", Class::Paas, 80..=100);
        check("netlify.app", "netlify.app", Class::Paas, 0..=0);
        check("my-garden.netlify.app", "netlify.app", Class::Paas, 0..=0);
        check("cisco.sharepoint.com", "sharepoint.com", Class::SaasTenant, 0..=0);
        check("paypal.okta.com", "okta.com", Class::SaasTenant, 0..=0);
        check("paypal-secure.sharepoint.com", "sharepoint.com", Class::SaasTenant, 50..=79);
        check("paypa1.okta.com", "okta.com", Class::SaasTenant, 50..=79);
    }

    #[test]
    fn buckets_are_named_after_their_owners() {
        let check = |bucket: &str, store: &str, expected: std::ops::RangeInclusive<u8>| {
            let name = format!("{bucket}.{store}");
            let got = score_hosted(&hosted(&name, store, Class::Paas));
            assert!(expected.contains(&got), "{name}: {got}");
        };
        for store in [
            "s3.amazonaws.com",
            "s3.cn-north-1.amazonaws.com.cn",
            "s3.wasabisys.com",
            "s3.us-west-000.backblazeb2.com",
            "blob.core.windows.net",
            "dfs.core.windows.net",
            "file.core.windows.net",
            "blob.core.usgovcloudapi.net",
            "storage.googleapis.com",
            "nyc3.digitaloceanspaces.com",
        ] {
            check("github-cloud", store, 0..=0);
            check("onedriveclubprodeus20024", store, 0..=0);
            check("splashtop-premium-inventory-usw2", store, 0..=0);
            check("paypal-login", store, 50..=79);
            check("paypal-login", "r2.dev", 80..=100);
        }
    }

    #[test]
    fn what_the_platforms_owner_and_brands_themselves_have_there() {
        let check = |name: &str, platform: &str, class, expected: std::ops::RangeInclusive<u8>| {
            let got = score_hosted(&hosted(name, platform, class));
            assert!(expected.contains(&got), "{name}: {got}");
        };
        check("wordpress-garden.wordpress.com", "wordpress.com", Class::FreeHosting, 0..=0);
        check("paypal.app.link", "app.link", Class::Shortener, 0..=0);
        check("paypal-login.app.link", "app.link", Class::Shortener, 50..=100);
        check("wordpress-48213-991.cloudwaysapps.com", "cloudwaysapps.com", Class::Paas, 0..=79);
        check("paypal-48213-991.cloudwaysapps.com", "cloudwaysapps.com", Class::Paas, 80..=100);
    }
}
