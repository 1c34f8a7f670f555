//! Random steps over two plans: unions and joins.

use std::rc::Rc;

use super::{Attempt, Grower, Grown, MAX_PAIRS, MAX_ROWS, missed};
use crate::exprs::Class;
use crate::oracle::{
    Column, Expr, Grouping, Join, JoinKind, Plan, Relation, Stop, columns_of_filter,
};

impl Grower<'_> {
    /// A plan beside itself, or beside what is made of it.
    pub(super) fn reuse(&mut self, grown: &Grown) -> Attempt {
        let other = match self.random.below(4) {
            0 => grown.clone(),
            1 => self.filter(grown)?,
            2 => self.with_column(grown)?,
            _ => self.aggregate(grown)?,
        };
        match self.random.below(4) {
            0 => self.union_with(grown, other),
            1 => self.pairs_with(grown, other),
            _ => self.join_with(grown, other),
        }
    }

    pub(super) fn union(&mut self, grown: &Grown) -> Attempt {
        let other = self.any();
        self.union_with(grown, other)
    }

    fn union_with(&mut self, (input, rows): &Grown, (other, others): Grown) -> Attempt {
        let same = |(a, b): (&Column, &Column)| {
            a.name == b.name && Class::of(a.data_type) == Class::of(b.data_type)
        };
        let pairs = rows.columns.iter().zip(&others.columns);
        let (other, others) =
            if rows.columns.len() == others.columns.len() && pairs.clone().all(same) {
                (other, others)
            } else {
                let exprs = rows.columns.iter().map(|column| {
                    let class = Class::of(column.data_type);
                    let expr = self.exprs(&others.columns).expr(class, 1);
                    (column.name.clone(), expr)
                });
                let select = Plan::Select(other, exprs.collect());
                self.take(select, &[&others])?
            };
        self.take(Plan::Union(Rc::clone(input), other), &[rows, &others])
    }

    pub(super) fn join(&mut self, grown: &Grown) -> Attempt {
        let other = self.any();
        self.join_with(grown, other)
    }

    fn join_with(&mut self, grown: &Grown, (right, rights): Grown) -> Attempt {
        let (left, lefts) = grown;
        let kind = *self.random.pick(&JoinKind::ALL);
        let mut options = Join::on(kind, &[]);
        if self.random.chance(60) {
            self.names += 1;
            options.suffix = format!("_r{}", self.names);
        }
        options.coalesce = self.random.chance(80);
        options.nulls_equal = self.random.chance(30);
        options.maintain_order = self.random.chance(30);
        for _ in 0..1 + self.random.below(2) {
            options.on.extend(self.keys(lefts, &rights));
        }
        let filters = options.on.is_empty() || self.random.chance(30);
        if let (true, Ok(both)) = (filters, columns_of_filter(lefts, &rights, &options)) {
            let named = |column: &Column| !column.name.contains(' ');
            let both: Vec<Column> = both.into_iter().filter(named).collect();
            options.filter = Some(self.exprs(&both).condition(1));
        }
        if !options.on.is_empty() && self.random.chance(10) {
            options.sorted = true;
            let by = options.on.iter().map(|(key, _)| key.clone());
            let (left, lefts) = self.sorted_by(grown, by)?;
            let by = options.on.iter().map(|(_, key)| key.clone());
            let (right, rights) = self.sorted_by(&(right, rights), by)?;
            let plan = Plan::Join(left, right, options.into());
            return match lefts.rows.len() * rights.rows.len() <= MAX_PAIRS {
                true => self.take(plan, &[&lefts, &rights]),
                false => missed(plan, Stop::Invalid("too large".to_owned())),
            };
        }
        let plan = Plan::Join(Rc::clone(left), right, options.into());
        match lefts.rows.len() * rights.rows.len() <= MAX_PAIRS {
            true => self.take(plan, &[lefts, &rights]),
            false => missed(plan, Stop::Invalid("too large".to_owned())),
        }
    }

    /// Inner joins in a row, as the tables of a star or a chain are put together: some of the inputs
    /// filtered, mostly by a key, and the result filtered.
    pub(super) fn joins(&mut self, grown: &Grown) -> Attempt {
        let mut last = grown.clone();
        for _ in 0..2 + self.random.below(3) {
            let mut other = match self.random.chance(60) {
                true => self.pool[self.random.below(self.tables.len())].clone(),
                false => self.any(),
            };
            let mut options = Join::on(JoinKind::Inner, &[]);
            self.names += 1;
            options.suffix = format!("_r{}", self.names);
            options.coalesce = self.random.chance(80);
            options.nulls_equal = self.random.chance(10);
            for _ in 0..1 + self.random.below(2) {
                options.on.extend(self.keys(&last.1, &other.1));
            }
            let key = options.on.first().cloned();
            if let Some((key, other_key)) = key {
                if self.random.chance(30) {
                    last = self.filter_key(&last, key)?;
                }
                if self.random.chance(30) {
                    other = self.filter_key(&other, other_key)?;
                }
            }
            let ((left, lefts), (right, rights)) = (last, other);
            let filters = self.random.chance(40) && !options.on.is_empty();
            if let (true, Ok(both)) = (filters, columns_of_filter(&lefts, &rights, &options)) {
                let named = |column: &Column| !column.name.contains(' ');
                let both: Vec<Column> = both.into_iter().filter(named).collect();
                options.filter = Some(self.exprs(&both).condition(0));
            }
            let plan = Plan::Join(left, right, options.into());
            last = match lefts.rows.len() * rights.rows.len() <= MAX_PAIRS {
                true => self.take(plan, &[&lefts, &rights])?,
                false => return missed(plan, Stop::Invalid("too large".to_owned())),
            };
            if last.1.columns.len() > 8 || self.random.chance(15) {
                last = self.select(&last)?;
            }
        }
        match self.random.chance(70) {
            true => self.filter(&last),
            false => Ok(last),
        }
    }

    /// The rows whose key is close to, or one of, some literals.
    fn filter_key(&mut self, (input, rows): &Grown, key: Expr) -> Attempt {
        let types = rows.columns.iter();
        let types = types.map(|column| (&column.name, column.data_type));
        let class = match &key {
            Expr::Col(name) => types.clone().find(|(other, _)| *other == name),
            _ => None,
        };
        let Some((_, data_type)) = class else {
            return Ok((Rc::clone(input), rows.clone()));
        };
        let predicate = self.exprs(&rows.columns).narrow(key, Class::of(data_type));
        match self.take(Plan::Filter(Rc::clone(input), predicate), &[rows])? {
            // Beside no rows the other side's keys are not computed, and do not fail.
            (_, none) if none.rows.is_empty() => Ok((Rc::clone(input), rows.clone())),
            some => Ok(some),
        }
    }

    /// A pair of keys that compare, if there is one.
    fn keys(&mut self, left: &Relation, right: &Relation) -> Option<(Expr, Expr)> {
        let names = |rows: &Relation| {
            let names = rows.columns.iter().map(|column| column.name.clone());
            names.collect::<Vec<_>>()
        };
        let (lefts, rights) = (names(left), names(right));
        let same: Vec<&String> = lefts.iter().filter(|name| rights.contains(name)).collect();
        if !same.is_empty() && self.random.chance(60) {
            let name = self.random.pick(&same);
            return Some((Expr::col(name), Expr::col(name)));
        }
        let class = self.exprs(&left.columns).class();
        let depth = usize::from(self.random.chance(20));
        let key = self.exprs(&left.columns).expr(class, depth);
        let depth = usize::from(self.random.chance(20));
        let other = match class {
            Class::Int if self.random.chance(20) => Class::Float,
            class => class,
        };
        Some((key, self.exprs(&right.columns).expr(other, depth)))
    }

    /// All pairs, or all rows beside a single one.
    pub(super) fn pairs(&mut self, grown: &Grown) -> Attempt {
        let other = self.any();
        self.pairs_with(grown, other)
    }

    fn pairs_with(&mut self, (left, lefts): &Grown, (right, rights): Grown) -> Attempt {
        if self.random.chance(50) {
            let plan = Plan::Cross(Rc::clone(left), right);
            return match lefts.rows.len() * rights.rows.len() <= MAX_ROWS {
                true => self.take(plan, &[lefts, &rights]),
                false => missed(plan, Stop::Invalid("too large".to_owned())),
            };
        }
        let agg = self.single_aggregate(&rights.columns);
        let name = self.fresh_name();
        let one_group = Grouping::default();
        let total = Plan::Aggregate(right, Vec::new(), vec![(name, agg)], one_group);
        let (total, one) = self.take(total, &[&rights])?;
        self.take(Plan::Broadcast(Rc::clone(left), total), &[lefts, &one])
    }
}
