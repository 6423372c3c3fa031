//! Previews: names beside a tenant that the platform makes for that tenant alone.
//!
//! Only forms that nobody else can register count. Vercel's `project-hash-team.vercel.app` and Azure's
//! `site-slot.azurewebsites.net` read like previews too, but anybody may take such a name.

use crate::name::Hosting;

/// The tenant, with its platform, to whom alone the platform gives this preview's name.
pub(super) fn site_of<'a>(hosting: &Hosting<'a>) -> Option<&'a str> {
    let separator = match hosting.platform {
        // `deploy-preview-42--site`, `branch--site`, `hash--site`: the site's own name never holds two hyphens in a row.
        "netlify.app" => "--",
        // `tag---service-hash`: the hash or number names the owner's project, so that nobody else's service ends in it.
        platform if platform.ends_with(".run.app") => "---",
        _ => return None,
    };
    let at = hosting.label().rfind(separator)? + separator.len();
    Some(&hosting.tenant[at..]).filter(|it| !it.starts_with('.'))
}

/// The generated name in a tenant of Azure Static Web Apps (`polite-stone-0a1b2c3d4`), which nobody can choose; its previews
/// carry it with a suffix, and a region between it and the platform (`polite-stone-0a1b2c3d4-42.westeurope.5`).
pub(super) fn generated_name<'a>(hosting: &Hosting<'a>) -> Option<&'a str> {
    let static_apps = hosting.platform.ends_with(".azurestaticapps.net");
    let label = Some(hosting.label()).filter(|_| static_apps)?;
    let (adjective, rest) = label.split_once('-')?;
    let (noun, rest) = rest.split_once('-')?;
    let hash = rest.split_once('-').map_or(rest, |(hash, _)| hash);
    let is_word = |it: &str| !it.is_empty() && it.bytes().all(|c| c.is_ascii_lowercase());
    let is_hash = hash.len() >= 9 && hash.bytes().all(|c| c.is_ascii_hexdigit());
    let len = adjective.len() + noun.len() + hash.len() + 2;
    (is_word(adjective) && is_word(noun) && is_hash).then(|| &label[..len])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::Platforms;

    #[test]
    fn previews_name_their_site() {
        let check = |name: &str, expected: Option<&str>| {
            let hosting = Platforms::builtin().find(name, 0).unwrap();
            assert_eq!(site_of(&hosting), expected, "{name}");
        };
        check("deploy-preview-42--ours.netlify.app", Some("ours.netlify.app"));
        check("a--b--ours.netlify.app", Some("ours.netlify.app"));
        check("ours.netlify.app", None);
        check("ours--.netlify.app", None);
        check("blue---ours-abc123-uc.a.run.app", Some("ours-abc123-uc.a.run.app"));
        check("blue---ours-1.us-central1.run.app", Some("ours-1.us-central1.run.app"));
        check("blue--ours-abc123-uc.a.run.app", None);
        check("ours-git-main-team.vercel.app", None);
        check("ours-staging.azurewebsites.net", None);
    }

    #[test]
    fn generated_names_are_told_by_their_shape() {
        let check = |name: &str, expected: Option<&str>| {
            let hosting = Platforms::builtin().find(name, 0).unwrap();
            assert_eq!(generated_name(&hosting), expected, "{name}");
        };
        let generated = Some("polite-stone-0a1b2c3d4");
        check("polite-stone-0a1b2c3d4.5.azurestaticapps.net", generated);
        check("polite-stone-0a1b2c3d4-42.westeurope.5.azurestaticapps.net", generated);
        check("polite-stone-0a1b2c3d4-dev.centralus.azurestaticapps.net", generated);
        check("polite-stone-42.5.azurestaticapps.net", None);
        check("polite-stone-0a1b2c3d4.netlify.app", None);
    }
}
