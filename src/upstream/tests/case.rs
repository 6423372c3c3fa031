//! Letters in mixed case, and servers that do not keep it.

use super::*;

#[tokio::test]
async fn case_is_mixed_and_demanded_where_it_is_kept() {
    let fake = Fake::start(|it| {
        let lower = |it: Vec<u8>| {
            let end = question_end(&it);
            changed(it, |it| it[12..end - 4].make_ascii_lowercase())
        };
        if it.nth < 10 || it.tcp {
            return vec![Said::Now(address(&it.packet, 1))];
        }
        vec![Said::Now(lower(address(&it.packet, 66))), Said::Now(address(&it.packet, 66))]
    })
    .await;
    let upstreams = upstreams(&[fake.udp()]);
    let name = "a-long-name-with-many-letters.example";
    for _ in 0..10 {
        upstreams.forward(&ask(name)).await.unwrap();
    }
    let mut names: Vec<_> = fake.heard().iter().map(|it| it.packet[12..].to_vec()).collect();
    names.dedup();
    assert!(names.len() > 8);
    assert_eq!(last(&upstreams.forward(&ask(name)).await.unwrap()), 1);
    assert_eq!(upstreams.counts().forged, 1);
}

/// Before anything is known of the server, a forged reply must not be believed for want of that.
#[tokio::test]
async fn the_first_reply_in_another_case_is_asked_for_over_tcp() {
    let fake = Fake::start(|it| {
        let end = question_end(&it.packet);
        let swapped = changed(address(&it.packet, 66), |it| {
            it[12..end - 4]
                .iter_mut()
                .filter(|it| it.is_ascii_alphabetic())
                .for_each(|it| *it ^= 0x20);
        });
        if it.nth == 0 {
            return vec![Said::Now(swapped)];
        }
        vec![Said::Now(address(&it.packet, 1))]
    })
    .await;
    let upstreams = upstreams(&[fake.udp()]);
    let name = "a-long-name-with-many-letters.example";
    for _ in 0..2 {
        assert_eq!(last(&upstreams.forward(&ask(name)).await.unwrap()), 1);
    }
    let heard = fake.heard();
    assert_eq!(heard.iter().map(|it| it.tcp).collect::<Vec<_>>(), [false, true, false]);
    let sent = heard.last().unwrap().packet[12..].to_vec();
    assert_ne!(sent, sent.to_ascii_lowercase());
}

/// As when a laptop moves to a network that answers in the server's stead.
#[tokio::test]
async fn a_server_that_folds_case_from_one_day_on_is_still_understood() {
    let fake = Fake::udp_only(|it| {
        let end = question_end(&it.packet);
        let reply = address(&it.packet, 1);
        let fold = it.nth >= 10;
        vec![Said::Now(changed(reply, |it| {
            if fold {
                it[12..end - 4].make_ascii_lowercase();
            }
        }))]
    })
    .await;
    let upstreams = upstreams(&[fake.udp()]);
    for _ in 0..15 {
        let name = "a-long-name-with-many-letters.example";
        assert_eq!(last(&upstreams.forward(&ask(name)).await.unwrap()), 1);
    }
    assert_eq!(upstreams.counts().forged, 1);
    assert_eq!(fake.heard().len(), 15);
}

#[tokio::test]
async fn a_server_that_folds_case_is_asked_in_lower_case() {
    let fake = Fake::udp_only(|it| {
        let end = question_end(&it.packet);
        let reply = address(&it.packet, 1);
        vec![Said::Now(changed(reply, |it| it[12..end - 4].make_ascii_lowercase()))]
    })
    .await;
    let upstreams = upstreams(&[fake.udp()]);
    for _ in 0..3 {
        upstreams.forward(&ask("a-long-name-with-many-letters.example")).await.unwrap();
    }
    let heard = fake.heard();
    assert!(heard[0].packet[12..50].iter().any(u8::is_ascii_uppercase));
    assert!(!heard[2].packet[12..50].iter().any(u8::is_ascii_uppercase));
    // The first reply is asked for over TCP, which is closed: nobody can say better.
    assert_eq!(upstreams.counts().forged, 1);
}
