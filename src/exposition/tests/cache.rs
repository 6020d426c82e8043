//! What is kept from scrape to scrape.

use proptest::prelude::*;

use super::*;

const N_ACCOUNTS: usize = 150;

fn world() -> World {
    let names: Vec<String> = (0..N_ACCOUNTS).map(|index| format!("a{index}")).collect();
    World::new(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn failure(world: &World) -> ApiError {
    ApiError {
        as_of: world.now,
        ..ApiError::of(Reason::Network)
    }
}

#[test]
fn only_the_block_of_a_polled_job_is_rendered_again() {
    let world = world();
    let cache = LineCache::default();
    let table = world.store.table();
    let before = cache.lines(&table, world.now).jobs;
    assert_eq!(before.len(), 3);
    world.answers(70, ANSWER);
    let after = cache.lines(&table, world.now).jobs;
    let kept: Vec<bool> = (0..3)
        .map(|index| Arc::ptr_eq(&before[index], &after[index]))
        .collect();
    assert_eq!(kept, [true, false, true]);
    // Once the data are stale, they are withheld.
    let later = world.now.after(Duration::from_secs(301));
    let stale = cache.lines(&table, later).jobs;
    assert!(!Arc::ptr_eq(&after[1], &stale[1]) && Arc::ptr_eq(&after[2], &stale[2]));
}

#[test]
fn only_the_block_of_an_account_that_sent_a_request_is_rendered_again() {
    let world = world();
    let cache = LineCache::default();
    let table = world.store.table();
    let before = cache.lines(&table, world.now);
    table.accounts[149].requests[0].count_request(Duration::ZERO);
    let after = cache.lines(&table, world.now);
    let kept: Vec<bool> = (0..3)
        .map(|index| Arc::ptr_eq(&before.accounts[index], &after.accounts[index]))
        .collect();
    assert_eq!(kept, [true, true, false]);
    assert!(Arc::ptr_eq(&before.counts, &after.counts));
}

#[test]
fn another_table_shares_no_lines() {
    let world = world();
    let cache = LineCache::default();
    let before = cache.lines(&world.store.table(), world.now).jobs;
    let mut table = Table::clone(&world.store.table());
    table.jobs.reverse();
    world.store.replace(table);
    let after = cache.lines(&world.store.table(), world.now).jobs;
    assert!(!Arc::ptr_eq(&before[0], &after[0]));
    let text = |scrape: Scrape| scrape.text(Format::Text);
    let cached = Scrape::cached(&world.store, &cache, Vec::new(), world.now);
    let fresh = Scrape::new(&world.store, Vec::new(), world.now);
    assert_eq!(text(cached), text(fresh));
}

/// A cold replica that stops polling forgets its data. Later snapshots then have the same number of
/// polls as earlier ones.
#[test]
fn lines_are_rendered_again_after_data_were_forgotten() {
    let world = world();
    let cache = LineCache::default();
    let text = || {
        let cached = Scrape::cached(&world.store, &cache, Vec::new(), world.now);
        let fresh = Scrape::new(&world.store, Vec::new(), world.now);
        let cached = cached.text(Format::Text);
        assert_eq!(cached, fresh.text(Format::Text));
        cached
    };
    world.answers(70, ANSWER);
    let before = text();
    let job = &world.store.table().jobs[70];
    job.replace(Snapshot::unpolled(Duration::from_mins(1)));
    let changed = ANSWER.replace("\"LocalImageScanCount\":3", "\"LocalImageScanCount\":5");
    world.answers(70, &changed);
    assert_eq!(job.snapshot().polls, 1);
    assert!(text() != before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is polled or described otherwise, when, and however old the data are.
    #[test]
    fn kept_lines_are_those_of_a_first_scrape(
        steps in prop::collection::vec((0..N_ACCOUNTS, 0..4_u8, 0..400_u64), 1..20),
    ) {
        let mut world = world();
        let cache = LineCache::default();
        let table = world.store.table();
        for (job, change, seconds) in steps {
            world.now = world.now.after(Duration::from_secs(seconds));
            match change {
                0 => world.answers(job, ANSWER),
                1 => world.outcome(job, Err(failure(&world))),
                2 => table.accounts[job].requests[0].count_request(Duration::from_secs(seconds)),
                _ => table.accounts[job].set_info(AccountInfo {
                    display_name: seconds.to_string(),
                    ..AccountInfo::default()
                }),
            }
            let cached = Scrape::cached(&world.store, &cache, Vec::new(), world.now);
            let fresh = Scrape::new(&world.store, Vec::new(), world.now);
            prop_assert_eq!(cached.text(Format::Text), fresh.text(Format::Text));
        }
    }
}
