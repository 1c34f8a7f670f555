//! The conformance runner: every case in every verification setting, and a line of counts.
//!
//! It is a program, not a list of `#[test]`s (`harness = false`), since its last line is part of the
//! contract: `conformance: N passed, N failed, N not-yet-supported`. README.md beside this file says
//! what the cases mean; `ESKER_CONFORMANCE_DIR` names a directory of other cases.

#![expect(clippy::disallowed_macros, reason = "a test program prints its report")]

/// What a case asks, before anything is built.
mod case;
/// Whether what came is what was wanted.
mod compare;
/// Expressions of the cases as expressions of ours.
mod expr;
/// Tables of the cases as Arrow batches and CSV files.
mod input;
/// Pipelines of the cases as frames.
mod pipeline;
/// The settings that must not change a result.
mod settings;
/// Values as the cases compare them.
mod value;
/// Steps whose arguments need some reading.
mod verbs;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use esker_dataframe::DataFrame;

use case::Case;
use compare::{Outcome, Rows};
use input::Input;
use pipeline::Stop;
use settings::Setting;

/// What may still be missing. The list only gets shorter: a case that needs another missing feature
/// fails.
const NOT_YET_SUPPORTED: [&str; 4] = ["pivot", "slash dates", "unpivot", "windows"];

/// How a case ended.
enum Verdict {
    Passed,
    Failed(String),
    NotYetSupported(String),
}

fn main() -> ExitCode {
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(message) => {
            println!("conformance: the cases could not be run: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Runs all cases, prints the report and counts those that failed.
fn run() -> Result<usize, String> {
    compare::self_check()?;
    let settings = Setting::all().map_err(|error| error.to_string())?;
    let (mut passed, mut failed, mut missing) = (0, 0, 0);
    for (id, case) in case::read_all(&directory())? {
        match case.map_or_else(Verdict::Failed, |case| judge(&case, &settings)) {
            Verdict::Passed => passed += 1,
            Verdict::Failed(reason) => {
                println!("failed: {id}: {reason}");
                failed += 1;
            }
            Verdict::NotYetSupported(feature) => {
                println!("not yet supported: {id}: {feature}");
                missing += 1;
            }
        }
    }
    println!("conformance: {passed} passed, {failed} failed, {missing} not-yet-supported");
    Ok(failed)
}

/// The directory of the cases: the bundled ones, unless the environment names others.
#[expect(
    clippy::disallowed_methods,
    reason = "the runner is told from outside which cases to run"
)]
fn directory() -> PathBuf {
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    std::env::var_os("ESKER_CONFORMANCE_DIR").map_or(bundled, PathBuf::from)
}

/// Runs a case in every setting; it passes when all of them give what is wanted.
fn judge(case: &Case, settings: &[Setting]) -> Verdict {
    let inputs = match Input::prepare_all(case) {
        Ok(inputs) => inputs,
        Err(reason) => return Verdict::Failed(reason),
    };
    let mut mistakes = Vec::new();
    for setting in settings {
        let attempt = || attempt(case, &inputs, setting);
        let result = catch_unwind(AssertUnwindSafe(attempt))
            .unwrap_or_else(|panic| Err(Stop::Case(panic_text(panic.as_ref()))));
        match result {
            Ok(()) => {}
            Err(Stop::Missing(feature)) if NOT_YET_SUPPORTED.contains(&feature.as_str()) => {
                return Verdict::NotYetSupported(feature);
            }
            Err(Stop::Missing(feature)) => {
                return Verdict::Failed(format!("the runner does not know `{feature}`"));
            }
            Err(Stop::Case(reason)) => mistakes.push((setting, reason)),
        }
    }
    match mistakes.as_slice() {
        [] => Verdict::Passed,
        [(setting, reason), ..] => Verdict::Failed(format!(
            "{reason} (with {setting}; in {} of {} settings)",
            mistakes.len(),
            settings.len(),
        )),
    }
}

/// Runs a case in one setting and compares.
fn attempt(case: &Case, inputs: &[Input], setting: &Setting) -> Result<(), Stop> {
    let outcome = match pipeline::build(case, inputs, setting)? {
        Ok(frame) => collect(&frame)?,
        Err(error) => Err(error),
    };
    compare::judge(&case.want, case.ordered, outcome).map_err(Stop::Case)
}

/// The rows of a frame, once their types are seen to be those that the plan promised.
fn collect(frame: &DataFrame) -> Result<Outcome, String> {
    let (planned, table) = match frame.schema().and_then(|s| Ok((s, frame.collect()?))) {
        Ok(collected) => collected,
        Err(error) => return Ok(Err(error)),
    };
    for delivered in table.batches().iter().map(|batch| batch.schema()) {
        if delivered.fields() != planned.fields() {
            return Err(format!("planned {planned}, delivered {delivered}"));
        }
    }
    Rows::of(&table).map(Ok)
}

/// What a panic said.
fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", text.unwrap_or("without a word"))
}
