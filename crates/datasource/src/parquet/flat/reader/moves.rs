//! How a reader goes from page to page, and leaves rows out.

use esker_datatypes::Result;

use super::super::pages::DataPage;
use super::{FlatReader, Wanted};
use crate::parquet::chunks::Pool;

impl FlatReader {
    /// Reads the page of the first row that is wanted.
    ///
    /// # Errors
    /// `Data`.
    pub(in crate::parquet) fn start(&mut self, pool: &mut Pool) -> Result<()> {
        let first = match &self.wanted {
            Wanted::Runs(runs) => runs.front().map(|run| run.start),
            Wanted::Picked(picked, from) => picked.get(*from).map(|&row| row as usize),
        };
        if let Some(first) = first {
            self.skip_to(first, pool)?;
            self.page(pool)?;
        }
        Ok(())
    }

    /// Where the next rows begin, if they are neighbours.
    pub(super) fn in_one_run(&mut self, rows: usize, pool: &mut Pool) -> Result<Option<usize>> {
        loop {
            let Wanted::Runs(runs) = &mut self.wanted else {
                return Ok(None);
            };
            let Some(run) = runs.front().cloned() else {
                return Ok(None);
            };
            if self.at >= run.end {
                runs.pop_front();
                continue;
            }
            self.skip_to(run.start, pool)?;
            return Ok((self.at + rows <= run.end).then_some(self.at));
        }
    }

    /// Leaves out the rows before this one.
    pub(super) fn skip_to(&mut self, row: usize, pool: &mut Pool) -> Result<()> {
        while self.at < row {
            self.skip(row - self.at, pool)?;
        }
        Ok(())
    }

    /// Leaves out rows: those of the page, then whole pages where the next ones are known.
    pub(super) fn skip(&mut self, rows: usize, pool: &mut Pool) -> Result<()> {
        if self.page.as_ref().is_none_or(|page| page.left() == 0) {
            self.finish_page(pool);
            let skipped = self.pages.skip(rows)?;
            if skipped > 0 {
                self.at += skipped;
                return Ok(());
            }
        }
        let Some(page) = self.page(pool)? else {
            self.at += rows;
            return Ok(());
        };
        let count = page.left().min(rows);
        let some = match &page.levels {
            None => count,
            Some(levels) => levels.count(page.at, count),
        };
        page.at += count;
        page.values.skip(some)?;
        self.at += count;
        Ok(())
    }

    /// The page that the next row is in; `None` at the column's end.
    pub(super) fn page(&mut self, pool: &mut Pool) -> Result<Option<&mut DataPage>> {
        while self.page.as_ref().is_none_or(|page| page.left() == 0) {
            self.finish_page(pool);
            let page = self
                .pages
                .next(self.at, &mut self.dictionary, self.form, pool)?;
            match page {
                Some(page) => self.page = Some(page),
                None => return Ok(None),
            }
        }
        Ok(self.page.as_mut())
    }

    pub(super) fn finish_page(&mut self, pool: &mut Pool) {
        if let Some(page) = self.page.take() {
            page.recycle(pool);
        }
    }
}
