//! The pieces of a plan, each a node with all below it, and what is known of each.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use esker_datatypes::Result;
use esker_logical_expr::tree::TreeNode;
use esker_logical_plan::{LogicalPlan, Scan};

use super::inputs_of;
use crate::cost::Estimates;
use crate::expressions::is_volatile;

/// A node and all below it.
pub(super) struct Piece<'a> {
    pub(super) node: &'a LogicalPlan,
    /// What becomes of its rows.
    pub(super) above: Above,
    /// How many nodes it has: they stand behind it in the list.
    pub(super) size: usize,
    /// The number of the source that it scans.
    pub(super) source: Option<usize>,
    /// Equal for those that compute the same.
    pub(super) hash: u64,
    /// Whether it gives the same rows each time, as often as it is asked.
    pub(super) repeatable: bool,
    /// Whether it does more than read, filter and compute.
    pub(super) works: bool,
    /// Whether it keeps its rows, or more, before it gives the first one.
    pub(super) kept: bool,
    /// About how many rows it gives.
    pub(super) rows: Option<f64>,
    /// About how many its scans give.
    pub(super) scanned: Option<f64>,
}

/// The sources of a plan, numbered from 0.
#[derive(Default)]
pub(super) struct Sources {
    count: usize,
    by_address: HashMap<*const (), usize>,
    by_id: HashMap<String, usize>,
}

impl Sources {
    /// The number of the source of a scan: the same for those that give the same rows.
    pub(super) fn number(&mut self, scan: &Scan) -> usize {
        let address: *const () = Arc::as_ptr(scan.source()).cast();
        if let Some(&number) = self.by_address.get(&address) {
            return number;
        }
        let id = scan.source().properties().id;
        let number = id.as_ref().and_then(|id| self.by_id.get(id)).copied();
        let number = number.unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        });
        self.by_id.extend(id.map(|id| (id, number)));
        self.by_address.insert(address, number);
        number
    }
}

/// What becomes of the rows of a piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct Above {
    pub(super) read: Read,
    /// Somebody claims that they are sorted, which holds for the plan as it was written.
    pub(super) claim: bool,
    /// A limit of no rows stands above: nothing runs at all.
    nothing: bool,
}

/// How far the rows of a piece are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// Perhaps not to the end.
    Partly,
    /// To the end, unless whoever runs the query stops; in no more memory than a stream takes.
    Streamed,
    /// To the end, by what needs all of them.
    Whole,
}

impl Above {
    /// What becomes of the rows of each input of a node of which this becomes.
    fn inputs_of(self, node: &LogicalPlan) -> Vec<Self> {
        let whole = |claim| Self {
            read: match self.nothing {
                true => Read::Partly,
                false => Read::Whole,
            },
            claim,
            ..self
        };
        let none = Self {
            read: Read::Partly,
            nothing: true,
            ..self
        };
        match node {
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::Unnest(_) => {
                vec![self; inputs_of(node)]
            }
            LogicalPlan::Limit(limit) => vec![match limit.fetch() {
                None => self,
                Some(0) => none,
                Some(_) => Self {
                    read: Read::Partly,
                    ..self
                },
            }],
            LogicalPlan::Aggregate(aggregate) => vec![whole(aggregate.sorted())],
            LogicalPlan::Distinct(distinct) => vec![whole(distinct.sorted())],
            LogicalPlan::Sort(sort) if sort.fetch() == Some(0) => vec![none],
            LogicalPlan::Sort(_) | LogicalPlan::Shared(_) => vec![whole(false)],
            LogicalPlan::Join(join) => {
                let claim = self.claim || join.sorted();
                // A table is built of the right side, as the plan was written.
                vec![Self { claim, ..self }, whole(claim)]
            }
            // Nobody knows what it does with them.
            LogicalPlan::Extension(_) => {
                let unknown = Self {
                    read: Read::Partly,
                    claim: true,
                    ..self
                };
                vec![unknown; inputs_of(node)]
            }
            LogicalPlan::Scan(_) => Vec::new(),
        }
    }
}

/// All pieces of a plan, each before those below it: in the order of the plan text.
///
/// # Errors
/// None of its own.
pub(super) fn survey(plan: &LogicalPlan) -> Result<Vec<Piece<'_>>> {
    let root = Above {
        read: Read::Streamed,
        claim: false,
        nothing: false,
    };
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    let mut stack = vec![(plan, root)];
    while let Some((node, above)) = stack.pop() {
        pieces.push(Piece::new(node, above));
        let at = stack.len();
        let mut inputs = above.inputs_of(node).into_iter();
        node.for_each_child(&mut |child| {
            stack.extend(inputs.next().map(|above| (&**child, above)))
        });
        if let Some(inputs) = stack.get_mut(at..) {
            inputs.reverse();
        }
    }
    let (mut sources, estimates) = (Sources::default(), Estimates::of(plan)?);
    for at in (0..pieces.len()).rev() {
        if let Some((piece, below)) = pieces.get_mut(at..).and_then(<[_]>::split_first_mut) {
            piece.learn(below, &mut sources, &estimates);
        }
    }
    Ok(pieces)
}

impl<'a> Piece<'a> {
    fn new(node: &'a LogicalPlan, above: Above) -> Self {
        Self {
            node,
            above,
            size: 1,
            source: None,
            hash: 0,
            repeatable: true,
            works: false,
            kept: false,
            rows: None,
            scanned: Some(0.0),
        }
    }

    /// Learns from the pieces below it, which know all of themselves: its inputs are the first of
    /// them, and whatever stands behind an input's own nodes.
    fn learn(&mut self, below: &[Self], sources: &mut Sources, estimates: &Estimates) {
        let mut hasher = DefaultHasher::new();
        // The line says all of a node but the identity of columns and sources.
        self.node.line().hash(&mut hasher);
        if let LogicalPlan::Scan(scan) = self.node {
            self.source = Some(sources.number(scan));
        }
        self.source.hash(&mut hasher);
        let mut inputs_kept = true;
        for _ in 0..inputs_of(self.node) {
            let Some(input) = below.get(self.size - 1) else {
                break;
            };
            input.hash.hash(&mut hasher);
            self.size += input.size;
            self.repeatable &= input.repeatable;
            self.works |= input.works;
            inputs_kept &= input.kept;
            self.scanned = match (self.scanned, input.scanned) {
                (Some(a), Some(b)) => Some(a + b),
                (Some(_) | None, Some(_) | None) => None,
            };
        }
        self.hash = hasher.finish();
        self.rows = estimates.of_node(self.node).rows;
        self.repeatable &= !self.node.exprs().into_iter().any(is_volatile);
        match self.node {
            LogicalPlan::Scan(scan) => {
                let properties = scan.source().properties();
                self.repeatable &= properties.bounded && !properties.read_once;
                self.scanned = self.rows;
            }
            LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) | LogicalPlan::Sort(_) => {
                (self.works, self.kept) = (true, true);
            }
            LogicalPlan::Join(_) => self.works = true,
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::Unnest(_)
            | LogicalPlan::Shared(_) => self.kept = inputs_kept,
            LogicalPlan::Extension(_) => self.repeatable = false,
        }
    }
}
