//! Tests of the limit, worker by worker.

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::Int64Type;
use esker_datatypes::Column;

use super::*;

/// A limit and its workers.
struct Play {
    workers: Vec<Box<dyn LocalOperator>>,
    cx: TaskContext,
}

/// What came out: the split and its values, and `!` in front of the split for its end.
type Out = Vec<String>;

impl Play {
    fn new(offset: u64, fetch: u64, workers: usize) -> Self {
        let mut cx = TaskContext::standalone();
        let limit = LimitExec::new(offset, Some(fetch));
        let workers = (0..workers).map(|_| limit.open(&mut cx).unwrap());
        Self {
            workers: workers.collect(),
            cx,
        }
    }

    fn drain(&mut self, step: impl Fn(&mut Play, &mut Batch) -> OpStatus) -> Out {
        let mut texts = Vec::new();
        loop {
            let mut out = Batch::default();
            let status = step(self, &mut out);
            let order = out.order();
            if out.selected() > 0 || order.last {
                let arrays: Vec<_> = out.columns().iter().map(Column::to_flat).collect();
                let values: Vec<i64> = arrays.first().map_or_else(Vec::new, |array| {
                    let values = array.as_primitive::<Int64Type>();
                    out.selection()
                        .iter()
                        .map(|row| values.value(row))
                        .collect()
                });
                let mark = if order.last { "!" } else { "" };
                texts.push(match order.ordinal {
                    BEHIND_ALL => format!("end {values:?}"),
                    split => format!("{mark}{split} {values:?}"),
                });
            }
            match status {
                OpStatus::HaveMore => {}
                OpStatus::NeedInput => return texts,
                OpStatus::Finished => {
                    texts.push("finished".to_owned());
                    return texts;
                }
            }
        }
    }

    /// A worker is given values of a split.
    fn give(&mut self, worker: usize, ordinal: u64, values: &[i64], last: bool) -> Out {
        let column = Column::flat(Arc::new(Int64Array::from(values.to_vec())));
        let order = Order {
            ordinal,
            sequence: 0,
            last,
        };
        let input = Batch::new(vec![column], values.len()).with_order(order);
        let input = std::cell::RefCell::new(input);
        self.drain(|play, out| {
            let (worker, input) = (&mut play.workers[worker], &mut *input.borrow_mut());
            worker.execute(input, out, &mut play.cx).unwrap()
        })
    }

    /// A worker's input has ended.
    fn leave(&mut self, worker: usize) -> Out {
        self.drain(|play, out| play.workers[worker].flush(out, &mut play.cx).unwrap())
    }

    fn memory(&self) -> u64 {
        self.cx.query.memory().used()
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn rows_behind_the_head_wait_for_it() {
    let mut play = Play::new(0, 100, 3);
    assert_eq!(play.give(1, 1, &[10, 11], true), NOTHING);
    assert_eq!(play.give(1, 3, &[30], false), NOTHING);
    assert_eq!(play.give(2, 2, &[], true), NOTHING);
    assert!(play.memory() > 0);
    assert_eq!(play.give(0, 0, &[0], false), ["0 [0]"]);
    let all = ["!0 [1]", "!1 [10, 11]", "!2 []"];
    assert_eq!(play.give(0, 0, &[1], true), all);
    // Split 3 has become the head in the middle.
    assert_eq!(play.give(1, 3, &[31], false), ["3 [30]", "3 [31]"]);
    assert_eq!(play.memory(), 0);
    assert_eq!(play.give(1, 3, &[], true), ["!3 []"]);
}

#[test]
fn offset_and_fetch_count_over_splits() {
    let mut play = Play::new(3, 2, 2);
    assert_eq!(play.give(1, 1, &[10, 11, 12, 13, 14], false), NOTHING);
    assert_eq!(play.give(1, 1, &[15, 16], true), NOTHING);
    assert_eq!(
        play.give(0, 0, &[0, 1], true),
        ["!0 []", "!1 [11, 12]", "finished"]
    );
    assert_eq!(play.give(1, 2, &[20], true), NOTHING);
    assert_eq!(play.leave(1), NOTHING);
}

#[test]
fn no_more_is_held_than_could_be_wanted() {
    let mut play = Play::new(1, 2, 2);
    for _ in 0..10 {
        assert_eq!(play.give(1, 1, &[10, 11], false), NOTHING);
    }
    // Three rows in two batches.
    assert!(play.memory() <= 2 * 2 * 8, "{} bytes", play.memory());
}

#[test]
fn rows_before_a_failure_count_and_none_behind_it() {
    let check = |fetch, want: &[&str]| {
        let mut play = Play::new(0, fetch, 3);
        assert_eq!(play.give(1, 1, &[10, 11], false), NOTHING);
        assert_eq!(play.give(2, 2, &[20], true), NOTHING);
        // Something before the limit has failed.
        assert_eq!(play.leave(1), NOTHING);
        assert_eq!(play.give(0, 0, &[0], true), want);
        assert_eq!(play.leave(0), NOTHING);
        assert_eq!(play.leave(2), NOTHING);
    };
    check(2, &["!0 [0]", "!1 [10]", "finished"]);
    check(3, &["!0 [0]", "!1 [10, 11]", "finished"]);
    check(9, &["!0 [0]", "1 [10, 11]"]);

    // The same at the head, by the one that failed.
    let mut play = Play::new(0, 2, 2);
    assert_eq!(play.give(1, 1, &[10, 11], false), NOTHING);
    assert_eq!(play.give(0, 0, &[0], true), ["!0 [0]"]);
    assert_eq!(play.leave(1), ["!1 [10]", "finished"]);
}

#[test]
fn rows_behind_all_splits_come_last() {
    let mut play = Play::new(1, 3, 2);
    assert_eq!(play.give(0, BEHIND_ALL, &[7], false), NOTHING);
    assert_eq!(play.leave(0), NOTHING);
    assert_eq!(play.give(1, 0, &[0, 1], true), ["!0 [1]"]);
    assert_eq!(play.give(1, BEHIND_ALL, &[8, 9], false), NOTHING);
    assert_eq!(play.leave(1), ["end [7]", "end [8]", "finished"]);
}
