//! Random plans, and what one worker alone would make of them.

use std::sync::Arc;

use esker_physical_plan::{LimitExec, PhysicalPlan, Role, ScanExec, ScanOptions};

use super::parts::{Choppy, Habit, Random, Wall, fail_text};
use crate::schema;

#[derive(Clone, Debug)]
pub(super) enum Node {
    Scan(Choppy),
    Habit(Habit, Box<Node>),
    Limit(u64, u64, Box<Node>),
    Union(Vec<Node>),
    Wall(Box<Node>),
}

/// Makes plans.
pub(super) struct Maker<'a> {
    pub(super) random: &'a mut Random,
    pub(super) alive: Arc<()>,
    /// The first number of the next scan.
    pub(super) next: i64,
    /// One error in so many chances; 0 for none.
    pub(super) errors: u64,
    /// There is a wall already.
    pub(super) wall: bool,
}

impl Maker<'_> {
    fn errs(&mut self) -> bool {
        self.errors > 0 && self.random.one_in(self.errors)
    }

    fn scan(&mut self) -> Node {
        let first = self.next;
        let mut value = first;
        let mut rows = |random: &mut Random| {
            let rows = random.below(5) as i64;
            value += rows;
            (value - rows..value).collect::<Vec<_>>()
        };
        let mut splits = Vec::new();
        let most = [3, 14, 14, 60][self.random.below(4) as usize];
        for _ in 0..self.random.below(most) {
            let batches = self.random.below(5);
            splits.push((0..batches).map(|_| rows(self.random)).collect::<Vec<_>>());
        }
        self.next += 1000;
        let broken = self.errs().then(|| {
            let split = self.random.below(splits.len() as u64) as usize;
            let batches = splits.get(split).map_or(0, Vec::len) as u64;
            (split, self.random.below(batches) as usize)
        });
        Node::Scan(Choppy {
            splits,
            broken,
            missing: self.errs() && self.random.one_in(3),
            blocks: [0, 0, 3, 10][self.random.below(4) as usize],
            alive: Arc::clone(&self.alive),
        })
    }

    /// A plan, and whether its batches are merged ones: where these fail as a whole, the rows that
    /// came before the bad one are others than one by one.
    pub(super) fn plan(&mut self, depth: u64) -> (Node, bool) {
        if depth == 0 {
            return (self.scan(), false);
        }
        match self.random.below(9) {
            0 => (self.scan(), false),
            1 => self.habit(Habit::Drop(2 + depth as i64), depth),
            2 => self.habit(Habit::Twice, depth),
            3 => {
                let (input, _) = self.plan(depth - 1);
                (Node::Habit(Habit::Dense, Box::new(input)), true)
            }
            4 => {
                let (input, merged) = self.plan(depth - 1);
                if !self.errs() || merged {
                    return (input, merged);
                }
                let bad = self.next - 1000 + self.random.below(50) as i64;
                (Node::Habit(Habit::Fail(bad), Box::new(input)), merged)
            }
            5 | 6 => {
                let (input, merged) = self.plan(depth - 1);
                let offset = [0, 0, 3, 20][self.random.below(4) as usize];
                let fetch = [1, 4, 12, 40, 1000][self.random.below(5) as usize];
                (Node::Limit(offset, fetch, Box::new(input)), merged)
            }
            7 if !self.wall => {
                self.wall = true;
                let (input, _) = self.plan(depth - 1);
                (Node::Wall(Box::new(input)), true)
            }
            _ => {
                let inputs = 1 + self.random.below(3);
                let inputs: Vec<_> = (0..inputs).map(|_| self.plan(depth - 1)).collect();
                let merged = inputs.iter().any(|(_, merged)| *merged);
                let inputs = inputs.into_iter().map(|(node, _)| node).collect();
                (Node::Union(inputs), merged)
            }
        }
    }

    fn habit(&mut self, habit: Habit, depth: u64) -> (Node, bool) {
        let (input, merged) = self.plan(depth - 1);
        (Node::Habit(habit, Box::new(input)), merged)
    }
}

impl Node {
    /// The physical plan.
    pub(super) fn physical(&self, next_id: &mut u32) -> PhysicalPlan {
        let inputs: Vec<PhysicalPlan> = match self {
            Self::Scan(_) => Vec::new(),
            Self::Habit(_, input) | Self::Limit(_, _, input) | Self::Wall(input) => {
                vec![input.physical(next_id)]
            }
            Self::Union(inputs) => inputs.iter().map(|i| i.physical(next_id)).collect(),
        };
        let role = match self {
            Self::Scan(table) => {
                let options = ScanOptions {
                    schema: schema(&["a"]),
                    columns: vec![0],
                    projection: vec![0],
                    filters: Vec::new(),
                    limit: None,
                    batch_size: 8,
                    dictionary_strings: false,
                };
                Role::Source(Arc::new(ScanExec::new(Arc::new(table.clone()), options)))
            }
            Self::Habit(habit, _) => Role::Operator(Arc::new(*habit)),
            Self::Limit(offset, fetch, _) => {
                Role::Operator(Arc::new(LimitExec::new(*offset, Some(*fetch))))
            }
            Self::Union(_) => Role::Union,
            Self::Wall(_) => Role::Breaker(Arc::new(Wall::default())),
        };
        *next_id += 1;
        PhysicalPlan::new(*next_id, "Node", "", role, inputs, schema(&["a"]))
    }

    /// The input of the wall, if there is one: it runs before everything else.
    pub(super) fn behind_wall(&self) -> Option<&Self> {
        match self {
            Self::Scan(_) => None,
            Self::Wall(input) => Some(input),
            Self::Habit(_, input) | Self::Limit(_, _, input) => input.behind_wall(),
            Self::Union(inputs) => inputs.iter().find_map(Self::behind_wall),
        }
    }

    /// Its batches one by one, and the error at its place.
    pub(super) fn batches(&self) -> Box<dyn Iterator<Item = Result<Vec<i64>, String>> + '_> {
        match self {
            Self::Scan(table) => {
                let missing = table.missing.then(|| Err(table.missing_text()));
                let of_split = |(s, split): (usize, &'_ Vec<Vec<i64>>)| {
                    let broken = table.broken;
                    // A split without batches is read as an empty one.
                    let empty = split.is_empty().then(Vec::new);
                    let batches = split.clone().into_iter().chain(empty).enumerate();
                    batches.map(move |(b, batch)| {
                        if broken == Some((s, b)) {
                            Err(Choppy::broken_text(s, b))
                        } else {
                            Ok(batch)
                        }
                    })
                };
                let batches = table.splits.iter().enumerate().flat_map(of_split);
                Box::new(missing.into_iter().chain(batches))
            }
            Self::Habit(habit, input) => Box::new(input.batches().flat_map(|batch| {
                let batch = match batch {
                    Ok(batch) => batch,
                    Err(error) => return vec![Err(error)],
                };
                match *habit {
                    Habit::Fail(bad) if batch.contains(&bad) => vec![Err(fail_text(bad))],
                    Habit::Twice => batch.into_iter().map(|v| Ok(vec![v, v])).collect(),
                    _ => vec![Ok(batch.into_iter().filter(|&v| habit.keeps(v)).collect())],
                }
            })),
            Self::Limit(offset, fetch, input) => {
                let (mut seen, offset, end) = (0, *offset, offset + fetch);
                let mut input = input.batches();
                Box::new(std::iter::from_fn(move || {
                    if seen >= end {
                        return None;
                    }
                    input.next().map(|batch| {
                        batch.map(|batch| {
                            let numbered = (seen..).zip(&batch);
                            let kept = numbered.filter(|(i, _)| (offset..end).contains(i));
                            let kept = kept.map(|(_, &v)| v).collect();
                            seen += batch.len() as u64;
                            kept
                        })
                    })
                }))
            }
            Self::Union(inputs) => Box::new(inputs.iter().flat_map(Self::batches)),
            Self::Wall(input) => Box::new(input.batches()),
        }
    }

    /// The rows before the first error, and the error.
    pub(super) fn outcome(&self) -> (Vec<i64>, Option<String>) {
        if let Some(input) = self.behind_wall()
            && let (_, Some(error)) = input.outcome()
        {
            return (Vec::new(), Some(error));
        }
        let mut rows = Vec::new();
        for batch in self.batches() {
            match batch {
                Ok(batch) => rows.extend(batch),
                Err(error) => return (rows, Some(error)),
            }
        }
        (rows, None)
    }
}
