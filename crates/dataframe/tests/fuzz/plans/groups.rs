//! Random steps that bring rows together: distinct and aggregations.

use std::rc::Rc;

use super::{Attempt, Grower, Grown, Missed};
use crate::exprs::Class;
use crate::oracle::{AggFn, ArithOp, Column, Expr, Grouping, Plan, Stop};

impl Grower<'_> {
    pub(super) fn distinct(&mut self, input: &Grown) -> Attempt {
        let names: Vec<String> = input.1.columns.iter().map(|c| c.name.clone()).collect();
        let on = match self.random.chance(50) {
            true => None,
            false => Some(self.random.some(&names)).filter(|on| !on.is_empty()),
        };
        let mut options = Grouping {
            maintain_order: self.random.chance(40),
            sorted: false,
        };
        let distinct = Plan::Distinct(Rc::clone(&input.0), on.clone(), options);
        match self.take(distinct, &[&input.1]) {
            Err(Missed {
                why: Stop::Ambiguous,
                ..
            }) => {
                let (sorted, all) = self.sorted(input)?;
                self.take(Plan::Distinct(sorted, on, options), &[&all])
            }
            Ok(_) if self.random.chance(20) => {
                options.sorted = true;
                let keys = on.clone().unwrap_or(names);
                let (sorted, all) = self.sorted_by(input, keys.iter().map(|key| Expr::col(key)))?;
                self.take(Plan::Distinct(sorted, on, options), &[&all])
            }
            other => other,
        }
    }

    pub(super) fn aggregate(&mut self, grown: &Grown) -> Attempt {
        let (input, rows) = grown;
        let mut keys: Vec<(String, Expr)> = Vec::new();
        let count = self.random.below(8).div_ceil(2).min(3);
        for _ in 0..count {
            let class = self.exprs(&rows.columns).class();
            let mut exprs = self.exprs(&rows.columns);
            match exprs.column(class) {
                Some(Expr::Col(name)) if !keys.iter().any(|(own, _)| *own == name) => {
                    keys.push((name.clone(), Expr::Col(name)));
                }
                _ => {
                    let key = exprs.expr(class, 2);
                    keys.push((self.fresh_name(), key));
                }
            }
        }
        let count = self.random.below(4) + usize::from(keys.is_empty());
        let aggs = (0..count).map(|_| {
            let agg = self.aggregates(&rows.columns, &keys);
            (self.fresh_name(), agg)
        });
        let aggs = aggs.collect();
        let mut options = Grouping {
            maintain_order: self.random.chance(30) && !keys.is_empty(),
            sorted: false,
        };
        if !keys.is_empty() && self.random.chance(15) {
            options.sorted = true;
            let by = keys.iter().map(|(_, key)| key.clone());
            let (sorted, rows) = self.sorted_by(grown, by)?;
            return self.take(Plan::Aggregate(sorted, keys, aggs, options), &[&rows]);
        }
        let plan = Plan::Aggregate(Rc::clone(input), keys, aggs, options);
        self.take(plan, &[rows])
    }

    /// An aggregate, or an expression around some.
    fn aggregates(&mut self, columns: &[Column], keys: &[(String, Expr)]) -> Expr {
        match self.random.below(12) {
            0 => Expr::arith(
                ArithOp::Sub,
                self.numeric_aggregate(columns, AggFn::Max),
                self.numeric_aggregate(columns, AggFn::Min),
            ),
            1 => Expr::arith(
                ArithOp::Div,
                self.numeric_aggregate(columns, AggFn::Sum),
                Expr::Agg(AggFn::Len, None),
            ),
            2 => match keys.first() {
                Some((name, Expr::Col(own))) if name == own => {
                    let count = Expr::Agg(AggFn::Len, None);
                    Expr::arith(ArithOp::Mul, Expr::col(own), count)
                }
                _ => Expr::Agg(AggFn::Len, None),
            },
            _ => self.single_aggregate(columns),
        }
    }

    fn numeric_aggregate(&mut self, columns: &[Column], function: AggFn) -> Expr {
        let class = *self.random.pick(&[Class::Int, Class::Int, Class::Float]);
        let depth = self.random.below(2);
        Expr::agg(function, self.exprs(columns).expr(class, depth))
    }

    pub(super) fn single_aggregate(&mut self, columns: &[Column]) -> Expr {
        let flag = self.random.chance(50);
        let share = *self.random.pick(&[0, 25, 50, 50, 99]);
        let function = *self.random.pick(&[
            AggFn::Len,
            AggFn::Sum,
            AggFn::Sum,
            AggFn::Mean,
            AggFn::Var,
            AggFn::Std,
            AggFn::Quantile(share),
            AggFn::Min,
            AggFn::Max,
            AggFn::Count(flag),
            AggFn::NUnique(flag),
            AggFn::First(flag),
            AggFn::Last(flag),
        ]);
        let depth = usize::from(self.random.chance(30));
        match function {
            AggFn::Len => Expr::Agg(AggFn::Len, None),
            AggFn::Sum | AggFn::Mean | AggFn::Var | AggFn::Std | AggFn::Quantile(_) => {
                let classes = [Class::Int, Class::Float, Class::Decimal];
                let class = *self.random.pick(&classes);
                Expr::agg(function, self.exprs(columns).expr(class, depth))
            }
            _ => {
                let class = self.exprs(columns).class();
                Expr::agg(function, self.exprs(columns).expr(class, depth))
            }
        }
    }
}
