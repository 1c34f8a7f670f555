//! Joins: by a hash table where there are keys, by nested loops where there are none.

use std::fmt::Write as _;
use std::sync::Arc;

use esker_datatypes::{Error, Result};
use esker_logical_plan::{Join, PlanNode, ScanFilter, Side};

use super::bounds::Bounds;
use super::{Planner, lineage};
use crate::explain::positional;
use crate::operators::{EquiKeys, FilterMaker, HashJoinExec, JoinSpec, NestedLoopJoinExec};
use crate::plan::PhysicalPlan;

impl Planner {
    /// A join. Its inputs stand in the order probe side, build side.
    pub(super) fn join(
        &self,
        join: &Join,
        id: u32,
        mut inputs: Vec<PhysicalPlan>,
        bounds: &Bounds,
    ) -> Result<PhysicalPlan> {
        let [left, right] = inputs.as_slice() else {
            return Err(Error::internal("a join has two inputs"));
        };
        let spec = JoinSpec {
            join_type: join.join_type(),
            build: build_side(join),
            left: Arc::clone(left.schema()),
            right: Arc::clone(right.schema()),
            filter: join.filter().cloned(),
            single: join.single(),
            batch_size: self.batch_size,
        };
        let mut details = details(join, &spec);
        let mut filtered = Vec::new();
        if spec.build == Side::Left {
            inputs.reverse();
        }
        let (name, role) = if join.on().is_empty() {
            ("NestedLoopJoinExec", NestedLoopJoinExec::role(&spec)?)
        } else {
            let keys = EquiKeys {
                on: join.on().to_vec(),
                nulls_equal: join.nulls_equal(),
                constant_hash: self.constant_hash,
            };
            let (role, maker) = HashJoinExec::filtering_role(&spec, &keys)?;
            if let Some(maker) = maker.filter(|_| self.runtime_filters) {
                let columns = give_filters(&maker, &inputs, &mut filtered);
                if !columns.is_empty() {
                    // Writing to a string does not fail.
                    let _ = write!(details, "; filters probe={}", columns.join(", "));
                }
            }
            ("HashJoinExec", role)
        };
        let lineage = lineage::of_join(&spec, join, &inputs, bounds)?;
        let schema = Arc::clone(join.schema());
        let plan = PhysicalPlan::new(id, name, details, role, inputs, schema);
        Ok(plan
            .with_origin(join.origin())
            .with_lineage(lineage)
            .with_filtered(filtered))
    }
}

/// Gives the scans that the keys of the probe side come from filters. Says which columns those keys
/// are, and which scans.
fn give_filters(maker: &FilterMaker, inputs: &[PhysicalPlan], scans: &mut Vec<u32>) -> Vec<String> {
    let [probe, _] = inputs else {
        return Vec::new();
    };
    let mut columns = Vec::new();
    for key in maker.keys() {
        let Some(from) = probe.scan_column(key.column) else {
            continue;
        };
        let filter = ScanFilter {
            expr: None,
            predicate: maker.filter(key, from.column, from.span),
        };
        from.add_filter(filter);
        scans.push(from.scan);
        columns.push(format!("#{}", key.column));
    }
    columns
}

/// The side that is kept. The order of the left rows is had by probing with them.
fn build_side(join: &Join) -> Side {
    match join.build() {
        Some(Side::Left) if !join.maintain_order() && !join.single() => Side::Left,
        Some(Side::Left | Side::Right) | None => Side::Right,
    }
}

fn details(join: &Join, spec: &JoinSpec) -> String {
    let mut text = if join.is_cross() {
        "type=Cross".to_owned()
    } else {
        format!("type={:?}", spec.join_type)
    };
    // Writing to a string does not fail.
    if !join.on().is_empty() {
        let pairs = join.on().iter().map(|(left, right)| {
            let (left, right) = (positional(left, &spec.left), positional(right, &spec.right));
            format!("({left}, {right})")
        });
        let _ = write!(text, ", on=[{}]", pairs.collect::<Vec<_>>().join(", "));
    }
    if let Some(filter) = join.filter() {
        let both = join.both_sides();
        let _ = write!(text, ", filter={}", positional(filter, &both));
    }
    let options = [
        ("nulls_equal", join.nulls_equal()),
        ("maintain_order", join.maintain_order()),
        ("sorted", join.sorted()),
        ("single", join.single()),
    ];
    for (name, _) in options.into_iter().filter(|(_, on)| *on) {
        let _ = write!(text, ", {name}=true");
    }
    if spec.build == Side::Left {
        text.push_str("; build=left");
    }
    text
}
