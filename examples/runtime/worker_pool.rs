//! Tasks of two queries take turns on one thread, one waits without holding it, and memory runs out.
#![expect(clippy::disallowed_macros, reason = "an example prints its result")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use esker_datatypes::Result;
use esker_runtime::{
    MemoryBudget, QueryContext, Task, TaskContext, TaskStatus, Waker, WorkerPool, available_threads,
};

/// A letterbox that a task can wait at.
#[derive(Default)]
struct Letterbox {
    letter: Option<&'static str>,
    reader: Option<Waker>,
}

/// Counts down, one number a slice; then drops a letter.
struct Counter {
    name: &'static str,
    left: u32,
    running: Arc<AtomicU32>,
    letterbox: Arc<Mutex<Letterbox>>,
}

/// Waits for the letter.
struct Reader {
    running: Arc<AtomicU32>,
    letterbox: Arc<Mutex<Letterbox>>,
}

/// The last thing a task does: tells whoever waits for the query.
fn finish(running: &AtomicU32, cx: &TaskContext) -> TaskStatus {
    running.fetch_sub(1, Ordering::SeqCst);
    cx.query.notify();
    TaskStatus::Finished
}

impl Task for Counter {
    fn run(&mut self, cx: &mut TaskContext) -> TaskStatus {
        if self.left == 0 || cx.query.is_cancelled() {
            let Ok(mut letterbox) = self.letterbox.lock() else {
                return finish(&self.running, cx);
            };
            letterbox.letter = Some(self.name);
            if let Some(reader) = letterbox.reader.take() {
                reader.wake();
            }
            return finish(&self.running, cx);
        }
        println!("{}: {}", self.name, self.left);
        cx.query.progress().add_rows(1);
        self.left -= 1;
        TaskStatus::Yield
    }

    fn panicked(&mut self, message: &str) {
        println!("{} panicked: {message}", self.name);
    }
}

impl Task for Reader {
    fn run(&mut self, cx: &mut TaskContext) -> TaskStatus {
        let Ok(mut letterbox) = self.letterbox.lock() else {
            return finish(&self.running, cx);
        };
        match letterbox.letter {
            Some(letter) => println!("reader: a letter from {letter}"),
            None if cx.query.is_cancelled() => println!("reader: no letter"),
            None => {
                // The task is parked; its thread goes on with the counters.
                println!("reader: nothing yet");
                letterbox.reader = Some(cx.waker());
                return TaskStatus::Blocked;
            }
        }
        finish(&self.running, cx)
    }

    fn panicked(&mut self, message: &str) {
        println!("reader panicked: {message}");
    }
}

fn main() -> Result<()> {
    println!(
        "this machine runs {} threads; we use one",
        available_threads()
    );
    let pool = WorkerPool::new(1);
    let memory = MemoryBudget::with_limit(1 << 20);
    let letterbox = Arc::new(Mutex::new(Letterbox::default()));

    let mut queries = Vec::new();
    for (name, left) in [("short", 2), ("long", 4)] {
        let query = QueryContext::new(&pool, Arc::clone(&memory));
        let running = Arc::new(AtomicU32::new(1));
        if name == "long" {
            // Only the long query's letter is read; it waits at the box from the start.
            running.fetch_add(1, Ordering::SeqCst);
            query.spawn(Box::new(Reader {
                running: Arc::clone(&running),
                letterbox: Arc::clone(&letterbox),
            }))?;
        }
        let mine = if name == "long" {
            Arc::clone(&letterbox)
        } else {
            Arc::default()
        };
        let counter = Counter {
            name,
            left,
            running: Arc::clone(&running),
            letterbox: mine,
        };
        query.spawn(Box::new(counter))?;
        queries.push((name, query, running));
    }
    for (name, query, running) in &queries {
        query.wait(|| (running.load(Ordering::SeqCst) == 0).then_some(()));
        println!(
            "{name} is done after {} rows",
            query.progress().snapshot().rows
        );
    }

    let mut table = memory.reserve("a hash table");
    table.try_grow(700 << 10)?;
    let mut sort = memory.reserve("a sort");
    if let Err(error) = sort.try_grow(400 << 10) {
        println!("{error}");
    }
    println!(
        "the workers are asked for {:?} bytes",
        memory.reclaim_requested()
    );
    Ok(())
}
