//! Tests of the built-in tables: what stands where, and what is said of it.

use super::*;
use crate::name::Host;

const DAY: u32 = 20_700;

fn host(name: &str) -> Host<'_> {
    Host { hosting: Platforms::builtin().find(name, DAY), ..Host::new(name) }
}

#[test]
fn names_stand_on_platforms() {
    use Class::*;
    let check = |name: &str, class: Class, platform: &str, tenant: &str| {
        let found = Platforms::builtin().find(name, DAY).unwrap_or_else(|| panic!("{name}"));
        assert_eq!((found.class, found.platform, found.tenant), (class, platform, tenant));
    };
    check("paypal-login.netlify.app", Paas, "netlify.app", "paypal-login.netlify.app");
    check("a.b.netlify.app", Paas, "netlify.app", "b.netlify.app");
    check("netlify.app", Paas, "netlify.app", "");
    check("www.netlify.app", Paas, "netlify.app", "");
    check("bit.ly", Shortener, "bit.ly", "");
    check("ow.ly", Shortener, "ow.ly", "");
    check("x.vercel.app", Paas, "vercel.app", "x.vercel.app");
    check("x.azurewebsites.net", Paas, "azurewebsites.net", "x.azurewebsites.net");
    check(
        "b.s3.eu-west-1.amazonaws.com",
        Paas,
        "s3.eu-west-1.amazonaws.com",
        "b.s3.eu-west-1.amazonaws.com",
    );
    check("w.a.workers.dev", Paas, "workers.dev", "a.workers.dev");
    check("x.trycloudflare.com", Tunnel, "trycloudflare.com", "x.trycloudflare.com");
    check("x.duckdns.org", DynamicDns, "duckdns.org", "x.duckdns.org");
    check("x.weebly.com", FreeHosting, "weebly.com", "x.weebly.com");
    check("linktr.ee", LinkInBio, "linktr.ee", "");
    check("contoso.sharepoint.com", SaasTenant, "sharepoint.com", "contoso.sharepoint.com");
    check("www.sharepointin.com", SimulatedPhishing, "www.sharepointin.com", "");
    check("ipfs.io", IpfsGateway, "ipfs.io", "");
    check("x.ipfs.dweb.link", IpfsGateway, "ipfs.dweb.link", "x.ipfs.dweb.link");
    check("ipfs.gov.example.com", IpfsGateway, "ipfs.gov.example.com", "");
}

#[test]
fn the_names_of_the_public_rule_are_classed() {
    let check = |class: Class, names: &str| {
        for name in names.split_whitespace() {
            let tenant = format!("tenant.{name}");
            let found = Platforms::builtin().find(&tenant, DAY).map(|it| (it.class, it.platform));
            assert_eq!(found, Some((class, name)));
        }
    };
    check(
        Class::Shortener,
        "bit.ly tinyurl.com ow.ly is.gd buff.ly adf.ly cutt.ly rb.gy shorturl.at t.ly tiny.cc rebrand.ly",
    );
    check(
        Class::Paas,
        "appspot.com azurewebsites.net web.app firebaseapp.com netlify.app vercel.app pages.dev glitch.me replit.app \
         workers.dev",
    );
    check(
        Class::IpfsGateway,
        "ipfs.io cloudflare-ipfs.com gateway.pinata.cloud dweb.link cf-ipfs.com nftstorage.link",
    );
    let run = Platforms::builtin().find("tenant.a.run.app", DAY).map(|it| it.platform);
    assert_eq!(run, Some("a.run.app"));
}

#[test]
fn other_names_stand_on_none() {
    for name in [
        "",
        "com",
        "example.com",
        "gov.tw",
        "a.gov.tw",
        "co.no",
        "a.co.no",
        "amazon.com.edgekey.net",
        "d1.cloudfront.net",
        "docs.ipfs.tech",
        "docs.ipfs.io",
        "notnetlify.app",
    ] {
        assert_eq!(Platforms::builtin().find(name, DAY), None, "{name}");
    }
}

#[test]
fn awareness_training_lapses() {
    let find = |today| Platforms::builtin().find("portal.docdeliveryapp.com", today);
    assert_eq!(find(DAY).map(|it| it.class), Some(Class::SimulatedPhishing));
    let seen = 20_675;
    assert!(find(seen + SIMULATED_DAYS_MAX).is_some());
    assert_eq!(find(seen + SIMULATED_DAYS_MAX + 1), None);
    let below = |today| Platforms::builtin().find("securescore-user-prod.cloudapp.net", today);
    assert_eq!(below(DAY).map(|it| it.class), Some(Class::SimulatedPhishing));
    assert_eq!(below(DAY + 500).map(|it| it.class), Some(Class::Paas));
}

#[test]
fn a_sentence_says_who_and_what() {
    let check = |name: &str, why: &str| {
        assert_eq!(finding(&host(name)).map(|it| it.why).unwrap_or_default(), why);
    };
    check(
        "x.netlify.app",
        "`x.netlify.app` is a tenant of Netlify (paas): anybody can publish there",
    );
    check(
        "bit.ly",
        "`bit.ly` is a link service of Bitly (shortener): the link is in the path, which DNS does not see",
    );
    check(
        "www.sharepointin.com",
        "`www.sharepointin.com` is awareness training by Microsoft Attack Simulator (simulated-phishing): it imitates phishing on purpose",
    );
    check("netlify.app", "");
    check("example.com", "");
}

#[test]
fn the_allow_entry_silences_its_finding() {
    for name in [
        "x.netlify.app",
        "a.x.netlify.app",
        "bit.ly",
        "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi.ipfs.dweb.link",
        "ipfs.gw.example.com",
    ] {
        let host = host(name);
        assert!(finding(&host).is_some());
        let allow = Allow::parse(&[allow_entry(&host).unwrap()]).unwrap();
        assert_eq!(allow.covers(&host), Some(Covered::Both), "{name}");
    }
    assert_eq!(allow_entry(&host("netlify.app")), None);
}
