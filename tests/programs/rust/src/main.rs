// SPDX-License-Identifier: Apache-2.0
//! Threads, channels and a caught panic.
use std::sync::{mpsc, Arc, Mutex};
use std::thread;

fn sum(parts: u64) -> u64 {
    let (tx, rx) = mpsc::channel();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let threads: Vec<_> = (0..parts)
        .map(|i| {
            let (tx, seen) = (tx.clone(), Arc::clone(&seen));
            thread::spawn(move || {
                seen.lock().unwrap().push(i);
                tx.send((0..1000).map(|x| x * i).sum::<u64>()).unwrap();
            })
        })
        .collect();
    drop(tx);
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(seen.lock().unwrap().len() as u64, parts);
    rx.iter().sum()
}

fn main() {
    println!("{}", sum(8));
    let died = thread::spawn(|| panic!("on purpose")).join().is_err();
    println!("panic caught: {died}");
}

#[test]
fn sums() {
    assert_eq!(sum(4), 499500 * 6);
}
