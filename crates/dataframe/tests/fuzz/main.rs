//! Random plans over random tables: the engine, with and without its optimizer, gives the rows of
//! an oracle.
//!
//! Each case is made from a seed and its number alone, so that one that fails is found again:
//! `ESKER_FUZZ_SEED` is the seed, `ESKER_FUZZ_FIRST` the first number, `ESKER_FUZZ_PLANS` how many
//! there are, and `ESKER_FUZZ_FAILURES` how many may fail before a test gives up. A case that fails
//! is made smaller and printed as a program.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_macros, reason = "it prints programs")]

/// Random expressions.
mod exprs;
#[path = "../oracle/mod.rs"]
mod oracle;
/// Random plans.
mod plans;
/// Cases as programs.
mod program;
/// Smaller cases.
mod shrink;

use oracle::{
    Optimizing, Relation, Setting, Stop, count, evaluate, judge, leaves_out, rule_names, run,
};
use plans::{Case, random_case};

/// How many cases there are unless told otherwise.
const PLANS: u64 = 2_000;

#[test]
fn cases_of_even_numbers_give_the_rows_of_the_oracle() {
    every_second_case(0);
}

/// Beside the other half.
#[test]
fn cases_of_odd_numbers_give_the_rows_of_the_oracle() {
    every_second_case(1);
}

fn every_second_case(rest: u64) {
    let (seed, first) = (number("SEED", 1), number("FIRST", 0));
    let most = number("FAILURES", 1);
    let mut failures = 0;
    let numbers = first..first + number("PLANS", PLANS);
    for index in numbers.filter(|number| number % 2 == rest) {
        if let Some((case, setting, why)) = failure(seed, index) {
            report(seed, index, case, setting, &why);
            failures += 1;
            assert!(failures < most, "{failures} cases fail");
        }
    }
    assert!(failures == 0, "{failures} cases fail");
}

/// A number from the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "the fuzzer is told from outside what to try"
)]
fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(format!("ESKER_FUZZ_{name}"));
    text.map_or(default, |text| text.parse().unwrap())
}

/// The first setting in which a case fails, and how.
fn failure(seed: u64, index: u64) -> Option<(Case, Setting, String)> {
    let (case, wanted) = random_case(seed, index);
    let turn = index as usize;
    let rules = rule_names();
    let rule = turn % rules.len();
    let settings = [
        Setting::rotating(Optimizing::Off, turn),
        Setting::rotating(Optimizing::On, turn / 3 + 1),
        Setting::rotating(Optimizing::Without(rules[rule]), rule),
    ];
    for setting in settings {
        let got = run(&case.plan, &case.tables, setting);
        if let Err(why) = judge(&case.plan, setting, &wanted, &got) {
            return Some((case, setting, why));
        }
    }
    let setting = Setting::rotating(Optimizing::On, turn / 7);
    let why = match &wanted {
        Ok(wanted) if turn % 4 < 2 => miscounts(&case, wanted.rows.len(), setting),
        Ok(_) => None,
        Err(_) => new_failure(&case),
    };
    why.map(|why| (case, setting, why))
}

/// A wrong number of rows where no column is wanted.
fn miscounts(case: &Case, wanted: usize, setting: Setting) -> Option<String> {
    match count(&case.plan, &case.tables, setting) {
        Ok(rows) if rows == wanted as u64 => None,
        Ok(rows) => Some(format!("count() gives {rows} of {wanted} rows")),
        Err(error) => Some(format!("count() of {wanted} rows gives the error: {error}")),
    }
}

/// An error that only the optimized plan gives (S17). Where rows are left out, how far a plan reads
/// is open.
fn new_failure(case: &Case) -> Option<String> {
    let run = |optimizing| run(&case.plan, &case.tables, Setting::rotating(optimizing, 0));
    if leaves_out(&case.plan) || run(Optimizing::Off).is_err() {
        return None;
    }
    let error = run(Optimizing::On).err()?;
    Some(format!("only the optimized plan fails: {error}"))
}

/// Whether a case fails in a setting, and how; what threads do may need several tries.
fn fails(case: &Case, setting: Setting) -> Option<String> {
    let wanted = evaluate(&case.plan, &case.tables);
    if matches!(wanted, Err(Stop::Ambiguous | Stop::Invalid(_))) {
        return None;
    }
    if wanted.is_err()
        && let Some(why) = new_failure(case)
    {
        return Some(why);
    }
    let tries = if setting.threads > 1 { 4 } else { 1 };
    (0..tries).find_map(|_| {
        let got = run(&case.plan, &case.tables, setting);
        let miscounts = |rows: &Relation| miscounts(case, rows.rows.len(), setting);
        let why = judge(&case.plan, setting, &wanted, &got).err();
        why.or_else(|| wanted.as_ref().ok().and_then(miscounts))
    })
}

/// What failures have in common that are likely to have the same cause.
fn class_of(why: &str) -> u8 {
    match why {
        _ if why.contains("internal error") => 0,
        _ if why.contains("count()") => 5,
        _ if why.contains("the error:") => 1,
        _ if why.contains("only the optimized") => 2,
        _ if why.contains("column") => 3,
        _ => 4,
    }
}

/// Prints a smaller case that still fails.
fn report(seed: u64, index: u64, case: Case, setting: Setting, why: &str) {
    println!("case {index} of seed {seed} fails: {why}");
    let mut setting = setting;
    let class = class_of(why);
    let fails = |case: &Case, setting| fails(case, setting).filter(|why| class_of(why) == class);
    for threads in [1, 4] {
        for batch_size in [1024, 3, 1] {
            let simpler = Setting {
                threads,
                batch_size,
                dictionary_strings: false,
                constant_hash: false,
                runtime_filters: true,
                ..setting
            };
            if simpler.threads <= setting.threads && fails(&case, simpler).is_some() {
                setting = simpler;
                break;
            }
        }
    }
    let small = shrink::shrink(case, &mut |case| fails(case, setting).is_some());
    let why = fails(&small, setting).unwrap_or_else(|| "but not each time".to_owned());
    println!("{}", program::program(&small, setting));
    println!("// {why}\n");
}
