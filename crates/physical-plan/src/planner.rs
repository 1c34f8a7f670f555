//! From relations to operators.

/// Aggregations and distinct.
mod aggregate;
/// What columns can hold.
mod bounds;
/// Joins.
mod join;
/// Where columns come from.
mod lineage;
/// Relations that are read in several places.
mod shared;
/// Sorts.
mod sort;
/// Claims that an input is sorted.
mod sorted;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use esker_datatypes::{Error, Result, Schema};
use esker_logical_expr::{Expr, columns_of, tree};
use esker_logical_plan::{
    Extension, Filter, Limit, LogicalPlan, PlanNode, Projection, Scan, ScanFilter, Unnest,
};

use crate::explain::positional;
use crate::expression::{CompiledPredicate, Program};
use crate::operators::{
    EmptySource, FilterExec, GroupingOptions, LimitExec, ProjectionExec, ScanExec, ScanOptions,
    UnnestExec,
};
use crate::plan::{Lineage, PhysicalPlan, Role};
use bounds::Bounds;
use shared::SharedPlans;

/// Makes operators of somebody's own [extension nodes](esker_logical_plan::ExtensionNode).
pub trait ExtensionPlanner: Send + Sync + Debug {
    /// The plan node of an extension, or `None` for one it does not know. `id` is the node's
    /// number, `inputs` are its planned inputs.
    ///
    /// # Errors
    /// Whatever keeps it from running.
    fn plan(
        &self,
        node: &Extension,
        id: u32,
        inputs: &[PhysicalPlan],
    ) -> Result<Option<PhysicalPlan>>;
}

/// Turns an analyzed (and perhaps optimized) logical plan into a physical one: column identities
/// become positions, expressions become programs, each node finds its operator.
#[derive(Clone, Debug)]
pub struct Planner {
    batch_size: usize,
    dictionary_strings: bool,
    constant_hash: bool,
    runtime_filters: bool,
    extensions: Vec<Arc<dyn ExtensionPlanner>>,
}

impl Planner {
    /// A planner of scans whose batches have at most `batch_size` rows (at least 1).
    pub fn new(batch_size: usize) -> Self {
        Self {
            batch_size: batch_size.max(1),
            dictionary_strings: false,
            constant_hash: false,
            runtime_filters: true,
            extensions: Vec::new(),
        }
    }

    /// A verification setting: scans give string columns as dictionaries.
    #[must_use]
    pub fn with_dictionary_strings(mut self, on: bool) -> Self {
        self.dictionary_strings = on;
        self
    }

    /// A verification setting: in hash tables all keys have the same hash.
    #[must_use]
    pub fn with_constant_hash(mut self, on: bool) -> Self {
        self.constant_hash = on;
        self
    }

    /// A verification setting: whether joins give filters to the scans of their probe sides,
    /// and a top-k to the scan below.
    #[must_use]
    pub fn with_runtime_filters(mut self, on: bool) -> Self {
        self.runtime_filters = on;
        self
    }

    /// Also plans the extension nodes that this one knows.
    #[must_use]
    pub fn with_extension(mut self, planner: Arc<dyn ExtensionPlanner>) -> Self {
        self.extensions.push(planner);
        self
    }

    /// The physical plan. It runs once.
    ///
    /// # Errors
    /// `Unsupported` for an extension that nobody knows; `Internal` for a plan that is not
    /// well-formed.
    pub fn plan(&self, plan: &LogicalPlan) -> Result<PhysicalPlan> {
        let mut next_id = 0;
        let mut shared = SharedPlans::default();
        let bounds = Bounds::default();
        tree::fold_into(plan, |node, inputs| {
            let planned = sorted::check_claims(node, inputs, &mut next_id).and_then(|inputs| {
                let id = next_id;
                next_id += 1;
                self.plan_node(node, id, inputs, (&mut shared, &bounds))
            });
            planned.map_err(|error| match node.origin() {
                Some(origin) => origin.annotate(error),
                None => error,
            })
        })
    }

    fn plan_node(
        &self,
        node: &LogicalPlan,
        id: u32,
        inputs: Vec<PhysicalPlan>,
        (shared, bounds): (&mut SharedPlans, &Bounds),
    ) -> Result<PhysicalPlan> {
        let schema = Arc::clone(node.schema());
        let mut lineage = Lineage::default();
        let (name, details, role) = match node {
            LogicalPlan::Scan(scan) => {
                let line = node.line();
                let details = line.strip_prefix("Scan: ").unwrap_or(&line).to_owned();
                let source = self.scan(scan)?;
                lineage = lineage::of_scan(scan, &source, id);
                ("ScanExec", details, Role::Source(Arc::new(source)))
            }
            LogicalPlan::Filter(filter) => {
                lineage = lineage::of_filter(filter, &inputs, bounds)?;
                self.filter(filter, &inputs)?
            }
            LogicalPlan::Projection(projection) => {
                lineage = lineage::of_projection(projection, &inputs, bounds)?;
                self.projection(projection, &inputs)?
            }
            LogicalPlan::Aggregate(node) => {
                lineage = lineage::of_aggregate(node, &inputs, bounds)?;
                aggregate::aggregate(self, node, input_schema(&inputs)?)?
            }
            LogicalPlan::Distinct(node) => {
                lineage = lineage::of_distinct(node, &inputs);
                aggregate::distinct(self, node, input_schema(&inputs)?)?
            }
            LogicalPlan::Join(join) => return self.join(join, id, inputs, bounds),
            LogicalPlan::Sort(sort) => {
                sort::sort(sort, &inputs, self.batch_size, self.runtime_filters)?
            }
            LogicalPlan::Limit(limit) => {
                if limit.fetch() == Some(0) {
                    let role = Role::Source(Arc::new(EmptySource));
                    return Ok(PhysicalPlan::new(id, "EmptyExec", "", role, [], schema)
                        .with_origin(node.origin()));
                }
                limit_exec(limit)
            }
            LogicalPlan::Unnest(unnest) => self.unnest(unnest, input_schema(&inputs)?),
            LogicalPlan::Union(_) => ("UnionExec", String::new(), Role::Union),
            LogicalPlan::Shared(node) => return shared.read(node, id, inputs),
            LogicalPlan::Extension(extension) => {
                return self.extension(extension, node, id, &inputs);
            }
        };
        Ok(PhysicalPlan::new(id, name, details, role, inputs, schema)
            .with_origin(node.origin())
            .with_lineage(lineage))
    }

    fn scan(&self, scan: &Scan) -> Result<ScanExec> {
        let delivered: Vec<usize> = match scan.projection() {
            Some(projection) => projection.to_vec(),
            None => (0..scan.columns().len()).collect(),
        };
        let mut columns: BTreeSet<usize> = delivered.iter().copied().collect();
        for filter in scan.filters() {
            for id in columns_of(&filter.expr)? {
                let at = scan.columns().index_of(id);
                columns.insert(at.ok_or_else(|| {
                    Error::internal(format!(
                        "a scan filters by a column it does not have: {}",
                        filter.expr
                    ))
                })?);
            }
        }
        let columns: Vec<usize> = columns.into_iter().collect();
        let read: Schema = columns
            .iter()
            .filter_map(|&i| scan.columns().field(i))
            .cloned()
            .collect();
        let projection = delivered
            .iter()
            .map(|column| columns.binary_search(column))
            .collect::<Result<_, _>>()
            .map_err(|_| Error::internal("a scan delivers a column it does not read"))?;
        let mut filters = Vec::with_capacity(scan.filters().len());
        for filter in scan.filters() {
            let predicate = CompiledPredicate::new(&filter.expr, &read, filter.origin)?;
            filters.push(ScanFilter {
                expr: Some(filter.expr.clone()),
                predicate,
            });
        }
        let options = ScanOptions {
            schema: Arc::clone(scan.columns()),
            columns,
            projection,
            filters,
            limit: scan.limit(),
            batch_size: self.batch_size,
            dictionary_strings: self.dictionary_strings,
        };
        Ok(ScanExec::new(Arc::clone(scan.source()), options))
    }

    fn filter(&self, filter: &Filter, inputs: &[PhysicalPlan]) -> Result<Named> {
        let input = input_schema(inputs)?;
        let program = Program::compile(&[filter.predicate()], input)?;
        let role = Role::Operator(Arc::new(FilterExec::new(program)));
        Ok((
            "FilterExec",
            positional(filter.predicate(), input).to_string(),
            role,
        ))
    }

    fn projection(&self, projection: &Projection, inputs: &[PhysicalPlan]) -> Result<Named> {
        let input = input_schema(inputs)?;
        let exprs: Vec<&Expr> = projection.exprs().iter().collect();
        let program = Program::compile(&exprs, input)?;
        let role = Role::Operator(Arc::new(ProjectionExec::new(program)));
        let texts: Vec<String> = exprs
            .iter()
            .map(|e| positional(e, input).to_string())
            .collect();
        Ok(("ProjectionExec", texts.join(", "), role))
    }

    fn unnest(&self, unnest: &Unnest, input: &Schema) -> Named {
        let positions = unnest.positions().into_iter();
        let lists = positions.filter_map(|at| {
            let value = unnest.schema().field(at)?;
            Some((at, value.data_type().clone()))
        });
        let role = Role::Operator(Arc::new(UnnestExec::new(lists.collect(), self.batch_size)));
        let columns = unnest.columns().iter();
        let texts: Vec<String> = columns
            .map(|column| positional(column, input).to_string())
            .collect();
        ("UnnestExec", texts.join(", "), role)
    }

    /// How groups are formed.
    fn grouping(&self, maintain_order: bool) -> GroupingOptions {
        GroupingOptions {
            maintain_order,
            constant_hash: self.constant_hash,
            ..GroupingOptions::new(self.batch_size)
        }
    }

    fn extension(
        &self,
        extension: &Extension,
        node: &LogicalPlan,
        id: u32,
        inputs: &[PhysicalPlan],
    ) -> Result<PhysicalPlan> {
        for planner in &self.extensions {
            if let Some(plan) = planner.plan(extension, id, inputs)? {
                return Ok(plan.with_origin(node.origin()));
            }
        }
        Err(Error::unsupported(format!(
            "no planner knows the extension {}",
            node.line()
        )))
    }
}

/// A node's name, what follows it on its line, and its role.
type Named = (&'static str, String, Role);

fn limit_exec(limit: &Limit) -> Named {
    let role = Role::Operator(Arc::new(LimitExec::new(limit.offset(), limit.fetch())));
    let fetch = limit
        .fetch()
        .map_or_else(|| "None".to_owned(), |fetch| fetch.to_string());
    let details = match limit.offset() {
        0 => fetch,
        offset => format!("{fetch}, offset={offset}"),
    };
    ("LimitExec", details, role)
}

fn input_schema(inputs: &[PhysicalPlan]) -> Result<&Schema> {
    match inputs {
        [input] => Ok(input.schema()),
        _ => Err(Error::internal(format!(
            "a node of one input has {}",
            inputs.len()
        ))),
    }
}
