//! Benchmarks of Esker: `cargo bench -p esker-benches`. See `README.md` beside this file.
