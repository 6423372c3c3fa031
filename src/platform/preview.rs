//! Previews: names beside a tenant that the platform makes for that tenant alone.
//!
//! Only forms that nobody else can register count. Vercel's `project-hash-team.vercel.app` and Azure's
//! `site-slot.azurewebsites.net` read like previews too, but anybody may take such a name.

use crate::name::Hosting;

/// The tenant, with its platform, to whom alone the platform gives this preview's name.
pub(super) fn site_of<'a>(hosting: &Hosting<'a>) -> Option<&'a str> {
    let separator = match hosting.platform {
        // `deploy-preview-42--site`, `branch--site`, `hash--site`; a site's own name never holds two hyphens in a row.
        "netlify.app" => "--",
        // `tag---service-hash`; the hash names the owner's project, so that nobody else's service ends in it.
        "a.run.app" => "---",
        _ => return None,
    };
    let at = hosting.label().rfind(separator)? + separator.len();
    Some(&hosting.tenant[at..]).filter(|it| !it.starts_with('.'))
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
        check("blue--ours-abc123-uc.a.run.app", None);
        check("ours-git-main-team.vercel.app", None);
        check("ours-staging.azurewebsites.net", None);
    }
}
