//! Dates and times: their parts, and moving them.
//!
//! All of it is integer arithmetic on the counts that the arrays hold. A timestamp with a zone is
//! read in its local time; zones must have one offset all year. A date counts as its midnight.

/// Moving by days, months, hours.
mod add;
/// Days as dates of the calendar.
mod civil;
/// Dates and times as text.
mod format;
/// Parts: the year, the hour.
mod part;
/// The start of the year, the hour.
mod truncate;
/// What the counts of each type mean.
mod unit;

#[cfg(test)]
mod tests;

pub use add::{Step, add};
pub use format::{check_format, day_name, format, month_name};
pub use part::{DatePart, epoch_seconds, part};
pub use truncate::truncate;
pub use unit::TruncateUnit;
