//! Sorts.

use esker_dataframe::prelude::*;

use crate::settings::every_setting;
use crate::{employees, rows};

#[test]
fn kquery_50_order_by_limit() {
    for ctx in every_setting() {
        let df = employees(&ctx).select(["state", "salary"]);
        let keys = || [col("salary").desc(), col("state").asc()];
        let want = ["CA,12000", "CO,11500", "NULL,11500"];
        assert_eq!(rows(&df.sort(keys()).limit(3)), want);
        assert_eq!(rows(&df.top_k(3, keys())), want);
        let keys = [col("salary").desc(), col("state").asc().nulls_first()];
        let want = ["CA,12000", "NULL,11500", "CO,11500", "CO,10000"];
        assert_eq!(rows(&df.sort(keys)), want);
    }
}
