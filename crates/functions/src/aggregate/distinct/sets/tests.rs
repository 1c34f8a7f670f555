//! Sets against the sets of the standard library: lists, tables, and the way from one to the other.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn told<W: Word>(sets: &GroupSets<W>, group: usize) -> Vec<u64> {
    let mut words = Vec::new();
    sets.for_each(group..group + 1, |word| words.push(word.number()));
    words.sort_unstable();
    words
}

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<(u32, u64)>),
    /// Sets of a second accumulator are added to these: of what words.
    Merge(Vec<(u32, u64)>),
    Clear(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let group = prop_oneof![3 => Just(0u32), 2 => 0..4u32];
    let word = prop_oneof![1 => Just(0), 4 => 0..40u64, 2 => any::<u32>().prop_map(u64::from)];
    let pair = move || (group.clone(), word.clone());
    let step = prop_oneof![
        4 => prop::collection::vec(pair(), 0..60).prop_map(Step::Add),
        2 => prop::collection::vec(pair(), 0..60).prop_map(Step::Merge),
        1 => (0..4usize).prop_map(Step::Clear),
    ];
    prop::collection::vec(step, 0..12)
}

fn check<W: Word>(steps: &[Step], to: impl Fn(u64) -> W + Copy) {
    let mut sets = GroupSets::<W>::new();
    let mut want = vec![BTreeSet::new(); 4];
    sets.resize(4);
    let add = |sets: &mut GroupSets<W>, pairs: &[(u32, u64)]| {
        let groups: Vec<u32> = pairs.iter().map(|pair| pair.0).collect();
        let words: Vec<W> = pairs.iter().map(|pair| to(pair.1)).collect();
        sets.add(&groups, &words).unwrap();
    };
    for step in steps {
        match step {
            Step::Add(pairs) => add(&mut sets, pairs),
            Step::Merge(pairs) => {
                let mut other = GroupSets::<W>::new();
                other.resize(4);
                add(&mut other, pairs);
                for group in 0..4 {
                    let mut words = Vec::new();
                    other.for_each(group..group + 1, |word| words.push(word));
                    sets.add_all(group, &words).unwrap();
                }
            }
            Step::Clear(group) => {
                sets.clear(*group..group + 1);
                want[*group].clear();
            }
        }
        if let Step::Add(pairs) | Step::Merge(pairs) = step {
            for &(group, word) in pairs {
                want[group as usize].insert(word);
            }
        }
        for (group, want) in want.iter().enumerate() {
            assert!(told(&sets, group).iter().eq(want), "group {group}");
        }
        let counts: Vec<i64> = want.iter().map(|set| set.len() as i64).collect();
        assert_eq!(sets.counts(0..4), counts);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn sets_have_what_was_added(steps in steps()) {
        check::<u64>(&steps, |word| word);
        check::<u32>(&steps, |word| word as u32);
    }
}

#[test]
fn sets_of_each_size() {
    for len in 0..300u64 {
        let mut sets = GroupSets::<u64>::new();
        sets.resize(2);
        // Group 0 word by word, twice over and with zero at any place; group 1 at once.
        let words: Vec<u64> = (0..len).map(|at| (at * 7 + len / 2) % len).collect();
        let twice = words.repeat(2);
        sets.add(&vec![0; twice.len()], &twice).unwrap();
        sets.add_all(1, &words).unwrap();
        let want: Vec<u64> = words
            .iter()
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        assert_eq!(told(&sets, 0), want);
        assert_eq!(sets.counts(0..2)[1], len as i64);
        if want.len() == words.len() {
            assert_eq!(told(&sets, 1), want);
        }
        let Some(class) = sets.class(sets.sets[1]) else {
            continue;
        };
        assert!(len <= 1 << class, "{len} in class {class}");
        assert_eq!(1 << class > LIST, len as usize > LIST);
    }
}

#[test]
fn clustered_groups_take_little_more_than_their_words() {
    const GROUPS: u32 = 100_000;
    let mut sets = GroupSets::<u32>::new();
    for first in (0..GROUPS).step_by(1000) {
        sets.resize(first as usize + 1000);
        let groups: Vec<u32> = (first..first + 1000).flat_map(|group| [group; 4]).collect();
        let words: Vec<u32> = (0..4000).collect();
        sets.add(&groups, &words).unwrap();
    }
    assert_eq!(sets.counts(0..3), [4, 4, 4]);
    // Of each group eight bytes, and sixteen of words.
    let least = GROUPS as usize * 24;
    assert!(sets.size() < least * 3 / 2, "{} for {least}", sets.size());
}

#[test]
fn large_sets_are_merged_in_time() {
    // Words told in the order of their places would pile up: minutes instead of moments.
    const WORDS: u32 = 1 << 17;
    let mut halves = [0, WORDS / 4].map(|first| {
        let mut sets = GroupSets::<u32>::new();
        sets.resize(1);
        let words: Vec<u32> = (first..first + WORDS * 3 / 5).collect();
        sets.add(&vec![0; words.len()], &words).unwrap();
        sets
    });
    let [left, right] = &mut halves;
    let mut words = Vec::new();
    right.for_each(0..1, |word| words.push(word));
    let before = words.len();
    left.add_all(0, &words).unwrap();
    assert_eq!(before as u32, WORDS * 3 / 5);
    assert_eq!(left.counts(0..1), [i64::from(WORDS / 4 + WORDS * 3 / 5)]);
}
