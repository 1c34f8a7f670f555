//! `quantile(x, q)` and `median(x)`: the value that a share of the group's values is below.

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, which the states have been resized to"
)]

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, UInt64Array};
use arrow::datatypes::UInt64Type;
use esker_datatypes::{Buffers, Column, DataType, Error, Result, Selection};
use esker_kernels::value::Value;
use esker_logical_expr::Interval;
use esker_logical_expr::function::{AggregateFunction, GroupsAccumulator, Signature};

use super::bounds::any_of_type;
use super::chains::Chains;
use super::common::{
    check_range, columns, each_list, list_column, list_items, offsets_of, only, states_of_rows,
    typed, validity,
};
use super::floats::{float_type, with_floats};

/// See [`AggregateExpr::quantile`](super::AggregateExpr::quantile).
#[derive(Debug)]
pub(crate) struct Quantile {
    /// From 0 to 1.
    pub(crate) share: f64,
}

impl Default for Quantile {
    fn default() -> Self {
        Self { share: MIDDLE }
    }
}

/// See [`AggregateExpr::median`](super::AggregateExpr::median).
#[derive(Debug)]
pub(crate) struct Median;

/// The share of a median.
const MIDDLE: f64 = 0.5;

impl AggregateFunction for Quantile {
    fn name(&self) -> &str {
        "quantile"
    }

    fn signature(&self) -> Signature {
        Signature::numeric(1..=1)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        only("quantile", args)?;
        if !(0.0..=1.0).contains(&self.share) {
            return Err(Error::invalid_input(format!(
                "quantile() takes a share from 0 to 1, not {}",
                self.share
            )));
        }
        float_type("quantile", args)
    }

    fn bounds(&self, args: &[Interval], _rows: u64) -> Option<Interval> {
        any_of_type(self, args)
    }

    fn accumulator(&self, args: &[DataType]) -> Result<Box<dyn GroupsAccumulator>> {
        self.return_type(args)?;
        Ok(Box::new(QuantileGroups::new(self.share)))
    }

    fn options_text(&self) -> Option<String> {
        Some(format!("{:?}", self.share))
    }
}

impl AggregateFunction for Median {
    fn name(&self) -> &str {
        "median"
    }

    fn signature(&self) -> Signature {
        Signature::numeric(1..=1)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        only("median", args)?;
        float_type("median", args)
    }

    fn bounds(&self, args: &[Interval], _rows: u64) -> Option<Interval> {
        any_of_type(self, args)
    }

    fn accumulator(&self, args: &[DataType]) -> Result<Box<dyn GroupsAccumulator>> {
        self.return_type(args)?;
        Ok(Box::new(QuantileGroups::new(MIDDLE)))
    }
}

/// All values of all groups, as words of their order.
struct QuantileGroups {
    values: Chains,
    share: f64,
}

/// The sign of a float.
const SIGN: u64 = 1 << 63;

/// A word of the float's order; equal values have the same.
#[inline]
fn word_of(value: f64) -> u64 {
    let key = value.key();
    // All bits of a negative number are turned, and the sign of the others.
    key ^ (((key as i64 >> 63) as u64) | SIGN)
}

#[inline]
fn float_of(word: u64) -> f64 {
    let turned = if word & SIGN == 0 { u64::MAX } else { SIGN };
    f64::from_bits(word ^ turned)
}

/// The value between two, so far from the lower one as the share says.
fn between(low: f64, high: f64, share: f64) -> f64 {
    let distance = high - low;
    if share == 0.0 || distance == 0.0 {
        low
    } else if distance.is_finite() {
        low + distance * share
    } else {
        // Infinities and far ends; those of both signs have nothing between them.
        low * (1.0 - share) + high * share
    }
}

/// The quantile of some words, which are put into another order. (Hoare, *Algorithm 65: find*,
/// CACM 4, 1961; the library's version has a linear bound.)
fn quantile(words: &mut [u64], share: f64) -> f64 {
    let last = words.len() - 1;
    let place = share * last as f64;
    let at = (place as usize).min(last);
    let (_, &mut low, above) = words.select_nth_unstable(at);
    let low = float_of(low);
    match above.iter().min() {
        Some(&high) => between(low, float_of(high), place - at as f64),
        None => low,
    }
}

impl QuantileGroups {
    fn new(share: f64) -> Self {
        Self {
            values: Chains::default(),
            share,
        }
    }
}

impl GroupsAccumulator for QuantileGroups {
    fn update(
        &mut self,
        groups: &[u32],
        n_groups: usize,
        values: &[Column],
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let [column] = columns(values)?;
        self.values.resize(n_groups);
        let chains = &mut self.values;
        with_floats(column, groups, selection, buffers, |rows, values| {
            let len = rows.groups.len();
            match (rows.one_group(), rows.index) {
                (Some(group), None) => {
                    chains.extend(group, len, values.iter().map(|&value| word_of(value)));
                }
                (Some(group), Some(index)) => {
                    let words = index.iter().map(|&at| word_of(values[at as usize]));
                    chains.extend(group, len, words);
                }
                (None, None) => chains.add(rows.groups, values.iter().map(|&v| word_of(v))),
                (None, Some(index)) => {
                    let words = index.iter().map(|&at| word_of(values[at as usize]));
                    chains.add(rows.groups, words);
                }
            }
            Ok(())
        })
    }

    /// The state is a list of words.
    fn merge(&mut self, groups: &[u32], n_groups: usize, state: &[Column]) -> Result<()> {
        let [lists] = columns(state)?;
        self.values.resize(n_groups);
        let (offsets, items) = list_items(lists, groups)?;
        let words = typed::<UInt64Type>(&items)?.values();
        each_list(groups, &offsets, words, |group, words| {
            self.values
                .extend(group, words.len(), words.iter().copied());
            Ok(())
        })
    }

    fn state(&self, groups: Range<usize>) -> Result<Vec<Column>> {
        check_range(&groups, self.values.n_groups())?;
        let counts: Vec<i64> = groups
            .clone()
            .map(|group| self.values.len(group) as i64)
            .collect();
        let mut words = Vec::with_capacity(counts.iter().sum::<i64>() as usize);
        groups.for_each(|group| self.values.gather(group, &mut words));
        let items: ArrayRef = Arc::new(UInt64Array::from(words));
        Ok(vec![list_column(offsets_of(&counts), items)?])
    }

    fn finish(&self, groups: Range<usize>) -> Result<Column> {
        check_range(&groups, self.values.n_groups())?;
        let mut words = Vec::new();
        let mut found = Vec::with_capacity(groups.len());
        let mut flags = Vec::with_capacity(groups.len());
        for group in groups {
            words.clear();
            self.values.gather(group, &mut words);
            flags.push(!words.is_empty());
            found.push(match words.is_empty() {
                true => 0.0,
                false => quantile(&mut words, self.share),
            });
        }
        let values = Float64Array::new(found.into(), validity(&flags));
        Ok(Column::flat(Arc::new(values)))
    }

    fn size(&self) -> usize {
        self.values.size()
    }

    fn reset(&mut self, groups: Range<usize>) -> Result<()> {
        check_range(&groups, self.values.n_groups())?;
        self.values.clear(groups);
        Ok(())
    }

    fn convert_to_state(&self, values: &[Column], selection: &Selection) -> Result<Vec<Column>> {
        states_of_rows(Self::new(self.share), values, selection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_the_order_of_their_values() {
        let values = [
            f64::NEG_INFINITY,
            f64::MIN,
            -1.0,
            -f64::MIN_POSITIVE,
            0.0,
            f64::MIN_POSITIVE,
            1.5,
            f64::MAX,
            f64::INFINITY,
        ];
        for pair in values.windows(2) {
            assert!(word_of(pair[0]) < word_of(pair[1]), "{pair:?}");
        }
        assert!(values.iter().all(|&v| float_of(word_of(v)) == v));
        assert_eq!(word_of(-0.0), word_of(0.0));
        assert_eq!(word_of(-f64::NAN), word_of(f64::NAN));
        assert!(word_of(f64::NAN) > word_of(f64::INFINITY));
        assert!(float_of(word_of(f64::NAN)).is_nan());
    }

    #[test]
    fn shares_are_from_zero_to_one() {
        for share in [-0.1, 1.5, f64::NAN, f64::INFINITY] {
            let error = Quantile { share }.return_type(&[DataType::Int64]);
            let want = format!("quantile() takes a share from 0 to 1, not {share}");
            assert_eq!(error.unwrap_err().to_string(), want);
        }
        assert!(Median.return_type(&[DataType::Utf8]).is_err());
    }

    #[test]
    fn between_values() {
        let of = |values: &[f64], share: f64| {
            let mut words: Vec<u64> = values.iter().map(|&v| word_of(v)).collect();
            quantile(&mut words, share)
        };
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        assert_eq!(of(&[3.0], 0.3), 3.0);
        assert_eq!(of(&[4.0, 1.0, 3.0, 2.0], 0.5), 2.5);
        assert_eq!(of(&[4.0, 1.0, 3.0, 2.0], 0.0), 1.0);
        assert_eq!(of(&[4.0, 1.0, 3.0, 2.0], 1.0), 4.0);
        assert_eq!(of(&[10.0, 0.0], 0.25), 2.5);
        assert_eq!(of(&[f64::MAX, f64::MIN], 0.5), 0.0);
        assert_eq!(of(&[1.0, inf], 0.5), inf);
        assert_eq!(of(&[1.0, -inf], 0.5), -inf);
        assert_eq!(of(&[inf, inf, inf], 0.4), inf);
        assert!(of(&[inf, -inf], 0.5).is_nan());
        assert!(of(&[nan, 1.0], 0.5).is_nan());
        assert_eq!(of(&[-nan, 1.0, 2.0], 0.5), 2.0);
        assert!(of(&[-nan, 1.0, 2.0], 1.0).is_nan());
    }
}
