//! The parts of random plans: a source that blocks and breaks, and operators of every habit.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use esker_datatypes::{Batch, Error, Order, Result, SchemaRef};
use esker_logical_plan::{
    Claim, ScanReader, ScanRequest, ScanStatus, SinkStatus, TableScan, TableSource,
};
use esker_physical_plan::pipeline::{
    FinalizeTask, LocalOperator, LocalSink, LocalSource, OpStatus, Operator, Sink, Source,
    SourceStatus,
};
use esker_runtime::{TaskContext, Waker};

use crate::{Row, batch, rows_of, schema};

/// Numbers that look random, the same ones for the same seed.
#[derive(Clone, Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    /// A number below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        // Marsaglia's xorshift64*.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end.max(1)
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// Wakes a task from another thread, a little later.
fn wake_later(waker: Waker, micros: u64) {
    static THREAD: OnceLock<Sender<(Waker, u64)>> = OnceLock::new();
    let thread = THREAD.get_or_init(|| {
        let (sender, wakers) = channel::<(Waker, u64)>();
        super::spawn(move || {
            for (waker, micros) in wakers {
                super::pause(Duration::from_micros(micros));
                waker.wake();
            }
        });
        sender
    });
    thread.send((waker, micros)).expect("the thread lives");
}

/// Splits of batches of numbers, given with interruptions.
#[derive(Clone, Debug)]
pub(super) struct Choppy {
    pub(super) splits: Vec<Vec<Vec<i64>>>,
    /// The split and batch that cannot be read.
    pub(super) broken: Option<(usize, usize)>,
    /// It cannot even be opened.
    pub(super) missing: bool,
    /// One in so many calls blocks.
    pub(super) blocks: u64,
    /// Lives as long as anybody may read.
    #[expect(dead_code, reason = "it is there to be counted")]
    pub(super) alive: Arc<()>,
}

impl Choppy {
    pub(super) fn missing_text(&self) -> String {
        format!("no table of {} splits", self.splits.len())
    }

    pub(super) fn broken_text(split: usize, batch: usize) -> String {
        format!("split {split} breaks at {batch}")
    }
}

impl TableSource for Choppy {
    fn schema(&self) -> SchemaRef {
        schema(&["a"])
    }

    fn scan(&self, _request: ScanRequest) -> Result<Arc<dyn TableScan>> {
        if self.missing {
            return Err(Error::data(self.missing_text()));
        }
        Ok(Arc::new(ChoppyScan(Arc::new((
            self.clone(),
            AtomicU64::new(0),
        )))))
    }
}

#[derive(Clone, Debug)]
struct ChoppyScan(Arc<(Choppy, AtomicU64)>);

impl TableScan for ChoppyScan {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn ScanReader>> {
        static SEED: AtomicU64 = AtomicU64::new(1);
        Ok(Box::new(ChoppyReader {
            scan: self.clone(),
            at: (0, 0),
            random: Random(SEED.fetch_add(0x9E37_79B9, Ordering::Relaxed)),
        }))
    }
}

struct ChoppyReader {
    scan: ChoppyScan,
    at: (usize, usize),
    random: Random,
}

impl ChoppyReader {
    fn blocks(&mut self, cx: &TaskContext) -> bool {
        let blocks = self.scan.0.0.blocks;
        if blocks == 0 || !self.random.one_in(blocks) {
            return false;
        }
        if self.random.one_in(3) {
            cx.waker().wake();
        } else {
            wake_later(cx.waker(), self.random.below(60));
        }
        true
    }
}

impl ScanReader for ChoppyReader {
    fn claim(&mut self, cx: &mut TaskContext) -> Result<Claim> {
        if self.blocks(cx) {
            return Ok(Claim::Blocked);
        }
        let (table, claimed) = &*self.scan.0;
        let splits = table.splits.len() as u64;
        let next = |claimed| (claimed < splits).then_some(claimed + 1);
        let (relaxed, at) = (Ordering::Relaxed, claimed);
        Ok(match at.fetch_update(relaxed, relaxed, next) {
            Ok(split) => {
                self.at = (split as usize, 0);
                Claim::Split(split)
            }
            Err(_) => Claim::Finished { splits },
        })
    }

    fn next(&mut self, out: &mut Batch, cx: &mut TaskContext) -> Result<ScanStatus> {
        if self.blocks(cx) {
            return Ok(ScanStatus::Blocked);
        }
        let table = &self.scan.0.0;
        let (split, at) = self.at;
        if table.broken == Some(self.at) {
            return Err(Error::data(Choppy::broken_text(split, at)));
        }
        self.at.1 += 1;
        let values = table.splits[split].get(at);
        *out = of_numbers(values.map_or(&[], Vec::as_slice));
        Ok(if at + 1 < table.splits[split].len() {
            ScanStatus::More
        } else {
            ScanStatus::SplitFinished
        })
    }
}

fn of_numbers(values: &[i64]) -> Batch {
    let rows: Vec<Row> = values.iter().map(|&v| vec![Some(v)]).collect();
    batch(1, &rows)
}

fn numbers(batch: &Batch) -> Vec<i64> {
    rows_of(batch)
        .into_iter()
        .filter_map(|row| row[0])
        .collect()
}

/// What an operator does with the rows of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Habit {
    /// Drops every so-manieth number by a selection.
    Drop(i64),
    /// Fails at a number.
    Fail(i64),
    /// Gives each row twice, in a batch of its own, and takes the input away.
    Twice,
    /// Wants dense batches, and looks whether they are.
    Dense,
    /// Holds multiples of this back to the end.
    Hold(i64),
}

impl Habit {
    pub(super) fn keeps(self, value: i64) -> bool {
        !matches!(self, Self::Drop(n) if value % n == 0)
    }
}

pub(super) fn fail_text(value: i64) -> String {
    format!("{value} is bad")
}

impl Operator for Habit {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalOperator>> {
        Ok(Box::new(LocalHabit {
            habit: *self,
            later: VecDeque::new(),
            busy: false,
            calls: 0,
        }))
    }

    fn needs_dense(&self) -> bool {
        matches!(self, Self::Dense)
    }
}

struct LocalHabit {
    habit: Habit,
    later: VecDeque<i64>,
    busy: bool,
    calls: usize,
}

impl LocalHabit {
    fn twice(&mut self, out: &mut Batch) -> OpStatus {
        self.calls += 1;
        // Now and then it has nothing, and yet is not done.
        if !self.calls.is_multiple_of(5)
            && let Some(value) = self.later.pop_front()
        {
            *out = of_numbers(&[value, value]);
        }
        self.busy = !self.later.is_empty();
        if self.busy {
            OpStatus::HaveMore
        } else {
            OpStatus::NeedInput
        }
    }
}

impl LocalOperator for LocalHabit {
    fn execute(
        &mut self,
        input: &mut Batch,
        out: &mut Batch,
        _cx: &mut TaskContext,
    ) -> Result<OpStatus> {
        let values = if self.busy {
            Vec::new()
        } else {
            numbers(input)
        };
        match self.habit {
            Habit::Drop(_) => {
                let mut selection = input.selection().clone();
                let all = of_selection(input);
                selection.retain(|row| self.habit.keeps(all[row]));
                std::mem::swap(input, out);
                *out.selection_mut() = selection;
            }
            Habit::Fail(bad) => {
                if values.contains(&bad) {
                    return Err(Error::data(fail_text(bad)));
                }
                std::mem::swap(input, out);
            }
            Habit::Twice => {
                self.later.extend(values);
                *input = Batch::default();
                return Ok(self.twice(out));
            }
            Habit::Dense => {
                assert!(input.selection().is_all(), "a dense batch");
                std::mem::swap(input, out);
            }
            Habit::Hold(n) => {
                let (held, rest): (Vec<i64>, Vec<i64>) = values.iter().partition(|&v| v % n == 0);
                self.later.extend(held);
                *out = of_numbers(&rest);
            }
        }
        Ok(OpStatus::NeedInput)
    }

    fn flush(&mut self, out: &mut Batch, _cx: &mut TaskContext) -> Result<OpStatus> {
        let Some(value) = self.later.pop_front() else {
            return Ok(OpStatus::NeedInput);
        };
        out.replace(of_numbers(&[value]).clear(), 1);
        Ok(OpStatus::HaveMore)
    }
}

/// All values, selected or not.
fn of_selection(input: &Batch) -> Vec<i64> {
    numbers(&Batch::new(input.columns().to_vec(), input.rows()))
}

/// Takes all rows in before it gives any out: the end of one pipeline and the start of another.
#[derive(Clone, Debug, Default)]
pub(super) struct Wall(Batches, Arc<AtomicU64>);

type Batches = Arc<Mutex<Vec<(Order, Vec<i64>)>>>;

impl Sink for Wall {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalSink>> {
        Ok(Box::new(self.clone()))
    }

    fn finalize(&self, stage: usize, _cx: &mut TaskContext) -> Result<Vec<FinalizeTask>> {
        if stage > 0 {
            return Ok(Vec::new());
        }
        let wall = self.clone();
        Ok(vec![Box::new(move |_| {
            wall.0.lock().unwrap().sort();
            Ok(())
        })])
    }

    fn output_source(&self) -> Option<Arc<dyn Source>> {
        Some(Arc::new(self.clone()))
    }
}

impl LocalSink for Wall {
    fn consume(&mut self, input: &mut Batch, _cx: &mut TaskContext) -> Result<SinkStatus> {
        self.0.lock().unwrap().push((input.order(), numbers(input)));
        Ok(SinkStatus::NeedInput)
    }

    fn combine(self: Box<Self>, _cx: &mut TaskContext) -> Result<()> {
        Ok(())
    }
}

impl Source for Wall {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalSource>> {
        Ok(Box::new(self.clone()))
    }
}

impl LocalSource for Wall {
    fn next(&mut self, out: &mut Batch, _cx: &mut TaskContext) -> Result<SourceStatus> {
        let batches = self.0.lock().unwrap();
        let ordinal = self.1.fetch_add(1, Ordering::Relaxed);
        let Some((_, values)) = batches.get(ordinal as usize) else {
            let splits = batches.len() as u64;
            return Ok(SourceStatus::Finished { splits });
        };
        *out = of_numbers(values).with_order(Order {
            ordinal,
            sequence: 0,
            last: true,
        });
        Ok(SourceStatus::More)
    }
}
