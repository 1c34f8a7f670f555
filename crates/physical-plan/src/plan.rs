//! The physical plan: a tree of nodes that each know their role in a pipeline.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError};

use esker_datatypes::{Schema, SchemaRef};
use esker_logical_expr::tree::{Child, TreeNode};
use esker_logical_plan::{Origin, ScanFilter};

use crate::operators::{EmptySource, RuntimeFilters};
use crate::pipeline::{Operator, Sink, Source, StageSpec};

/// A shared input of a physical plan.
pub type PhysicalChild = Child<PhysicalPlan>;

/// A node of a physical plan. What it runs is behind a trait; what it *is* to its pipeline is a
/// [`Role`].
///
/// Columns are positions here. Operators share state among the workers of one run, so a plan runs
/// once.
#[derive(Clone)]
pub struct PhysicalPlan {
    id: u32,
    name: Arc<str>,
    /// What follows the name on the plan's line.
    details: Arc<str>,
    role: Role,
    inputs: Vec<PhysicalChild>,
    schema: SchemaRef,
    origin: Option<Origin>,
    /// For each column where it comes from; empty when nothing is known.
    lineage: Lineage,
    /// The scans, by the id of their nodes, to which the build side of this join gives filters.
    filtered: Vec<u32>,
}

/// For each column the column of a scan that it is, where that is known.
pub(crate) type Lineage = Vec<Option<ScanColumn>>;

/// A column of a scan: with nothing between but operators that do not change it, give nothing of the
/// rows of one of its values for those of another, and cannot fail on a row. These may be breakers.
#[derive(Clone)]
pub(crate) struct ScanColumn {
    /// The id of the scan's node.
    pub(crate) scan: u32,
    /// Where the scan takes filters from.
    pub(crate) filters: RuntimeFilters,
    /// The column's place among those that the scan reads.
    pub(crate) column: usize,
    /// How many integers there are from the least to the greatest of the column, if that is known.
    pub(crate) span: Option<u64>,
    /// Whether the scan can fail on a value, by its filters or when it reads.
    pub(crate) fallible: bool,
    /// Whether groups are made between: the scan has ended when the first of them comes out.
    pub(crate) grouped: bool,
}

impl ScanColumn {
    /// Gives the scan one more filter.
    pub(crate) fn add_filter(&self, filter: ScanFilter) {
        let filters = self.filters.lock();
        filters.unwrap_or_else(PoisonError::into_inner).push(filter);
    }
}

/// What a node is to its pipeline.
#[derive(Clone, Debug)]
pub enum Role {
    /// The start of a pipeline; no inputs.
    Source(Arc<dyn Source>),
    /// A step of its input's pipeline.
    Operator(Arc<dyn Operator>),
    /// The end of its input's pipeline, and the source of the next.
    Breaker(Arc<dyn Sink>),
    /// A step of its first input's pipeline, which starts when that of the second has ended in
    /// `build`; behind all the rows of the first input come those of `rest`.
    Probe {
        /// Where the second input ends.
        build: Arc<dyn Sink>,
        /// The step.
        probe: Arc<dyn Operator>,
        /// What comes last: unmatched rows of the build side.
        rest: Option<Arc<dyn Source>>,
    },
    /// Its inputs, one after the other.
    Union,
    /// The start of a pipeline, which waits for that of rows that are read in several places. What
    /// they are computed by is no input of the node, for it runs once for all of them.
    Shared(Arc<SharedPlan>),
}

/// What runs once and is read in several places.
#[derive(Debug)]
pub struct SharedPlan {
    /// Its number: higher than those of what it reads itself.
    pub(crate) number: usize,
    /// How many columns it has.
    pub(crate) columns: usize,
    /// What computes the rows.
    pub(crate) input: PhysicalPlan,
    /// Where they end, and are read from.
    pub(crate) sink: Arc<dyn Sink>,
}

impl PhysicalPlan {
    /// A node. The id is unique in the plan; `details` are what follows the name in plan text.
    pub fn new(
        id: u32,
        name: impl Into<Arc<str>>,
        details: impl Into<Arc<str>>,
        role: Role,
        inputs: impl IntoIterator<Item = Self>,
        schema: SchemaRef,
    ) -> Self {
        let inputs = inputs.into_iter().map(Child::new).collect();
        Self {
            id,
            name: name.into(),
            details: details.into(),
            role,
            inputs,
            schema,
            origin: None,
            lineage: Lineage::default(),
            filtered: Vec::new(),
        }
    }

    /// The same node, made by this call.
    #[must_use]
    pub fn with_origin(mut self, origin: Option<Origin>) -> Self {
        self.origin = origin;
        self
    }

    /// The same node, whose columns come from there.
    #[must_use]
    pub(crate) fn with_lineage(mut self, lineage: Lineage) -> Self {
        self.lineage = lineage;
        self
    }

    /// The same node, a join that gives filters to these scans.
    #[must_use]
    pub(crate) fn with_filtered(mut self, scans: Vec<u32>) -> Self {
        self.filtered = scans;
        self
    }

    /// The scans, by the id of their nodes, that should not begin before the second input has ended.
    pub(crate) fn filtered(&self) -> &[u32] {
        &self.filtered
    }

    /// Whether a column is one of a scan, as far as is known.
    pub(crate) fn has_lineage(&self) -> bool {
        self.lineage.iter().any(Option::is_some)
    }

    /// The column of a scan that a column is, if rows of it can be dropped there unnoticed.
    pub(crate) fn scan_column(&self, column: usize) -> Option<&ScanColumn> {
        self.lineage.get(column)?.as_ref()
    }

    /// The node's number in the plan.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The node's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is to its pipeline.
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// The columns of its output, by position.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The node's line of the plan text.
    pub fn line(&self) -> String {
        if self.details.is_empty() {
            return self.name.to_string();
        }
        format!("{}: {}", self.name, self.details)
    }

    /// Every node of the plan and how deep it stands, in the order of the plan text. What is read in
    /// several places stands below the first of them.
    pub fn nodes(&self) -> Vec<(usize, &Self)> {
        let mut nodes = Vec::new();
        let mut shared = HashSet::new();
        let mut stack = vec![(0, self)];
        while let Some((depth, plan)) = stack.pop() {
            nodes.push((depth, plan));
            let at = stack.len();
            plan.for_each_child(&mut |child| stack.push((depth + 1, child)));
            if let Role::Shared(plan) = plan.role()
                && shared.insert(plan.number)
            {
                stack.push((depth + 1, &plan.input));
            }
            if let Some(inputs) = stack.get_mut(at..) {
                inputs.reverse();
            }
        }
        nodes
    }

    /// The lines of the plan text and how deep they stand, each with its node.
    pub fn lines(&self) -> Vec<(usize, String, &Self)> {
        let mut shared = HashSet::new();
        let nodes = self.nodes().into_iter().map(|(depth, node)| {
            let mut line = node.line();
            if let Role::Shared(plan) = node.role()
                && !shared.insert(plan.number)
            {
                line.push_str(", as above");
            }
            (depth, line, node)
        });
        nodes.collect()
    }

    /// The node as a stage of a chain, without what runs.
    pub(crate) fn spec(&self) -> StageSpec<()> {
        StageSpec {
            stage: (),
            id: self.id,
            name: Arc::clone(&self.name),
            origin: self.origin,
        }
    }
}

impl TreeNode for PhysicalPlan {
    fn for_each_child<'a>(&'a self, f: &mut dyn FnMut(&'a PhysicalChild)) {
        self.inputs.iter().for_each(f);
    }

    fn for_each_child_mut(&mut self, f: &mut dyn FnMut(&mut PhysicalChild)) {
        self.inputs.iter_mut().for_each(f);
    }

    fn leaf() -> Arc<Self> {
        static LEAF: OnceLock<Arc<PhysicalPlan>> = OnceLock::new();
        Arc::clone(LEAF.get_or_init(|| {
            let role = Role::Source(Arc::new(EmptySource));
            let schema = Arc::new(Schema::default());
            Arc::new(PhysicalPlan::new(0, "EmptyExec", "", role, [], schema))
        }))
    }
}

impl fmt::Display for PhysicalPlan {
    /// One line a node, inputs below, four spaces a level (at most 100 levels).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, line, _) in self.lines() {
            writeln!(f, "{:width$}{line}", "", width = 4 * depth.min(100))?;
        }
        Ok(())
    }
}

impl fmt::Debug for PhysicalPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
