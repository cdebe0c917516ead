//! What the C ABI adds: the same questions to the same gate, by the Rust functions and through the C entries. The entries
//! are called by pointers that the compiler does not know, as a host in C calls them; a shared library adds its own
//! indirection to that.

use crate::decide::OpenGate;
use crate::harness::{Contender, Pace, race};
use crate::report::{Report, Sheet, Wanted, nanos};
use crate::scene::{self, FEATURE, Questions, SIZES, Turn};
use brink::{
    brink_camera, brink_code, brink_decision, brink_feature, brink_gate, brink_gate_check,
    brink_gate_check_handles, brink_text,
};
use std::hint::black_box;
use std::mem::MaybeUninit;

type Check = unsafe extern "C" fn(brink_gate, brink_text, brink_text, *mut brink_decision) -> brink_code;
type CheckHandles =
    unsafe extern "C" fn(brink_gate, brink_camera, brink_feature, *mut brink_decision) -> brink_code;

fn text(text: &str) -> brink_text {
    brink_text { ptr: text.as_ptr().cast(), len: text.len() }
}

/// What a C host does with an answer: it has a place for it on its stack.
fn decision(ask: impl FnOnce(*mut brink_decision) -> brink_code) -> brink_decision {
    let mut out = MaybeUninit::uninit();
    assert!(ask(out.as_mut_ptr()) == brink_code::BRINK_OK, "an answer");
    // SAFETY: the entry answered BRINK_OK, so it wrote the decision.
    unsafe { out.assume_init() }
}

pub fn measure(pace: Pace, report: &mut Report) {
    let dir = tempfile::tempdir().expect("a directory");
    let (claims, questions) = (scene::claims(SIZES[0]), Questions::of(SIZES[0]));
    let open = OpenGate::on(dir.path(), &claims, &questions);
    let (gate, feature) = (&open.gate, open.feature);
    let id = brink_gate { slot: gate.id().slot, tag: gate.id().tag };
    let c_feature = brink_feature { gate: feature.gate, index: feature.index };
    let check: Check = black_box(brink_gate_check);
    let check_handles: CheckHandles = black_box(brink_gate_check_handles);
    let by_name = |name: &String| {
        // SAFETY: the texts live, and `out` may be written.
        decision(|out| unsafe { check(id, text(name), text(FEATURE), out) })
    };
    let names = [Turn::of(&questions.cameras), Turn::of(&questions.cameras)];
    let handles = [Turn::of(&open.cameras), Turn::of(&open.cameras)];
    let mut contenders = [
        Contender::new("check by strings, Rust", || gate.check(names[0].next(), FEATURE)),
        Contender::new("check by strings, C entry", || by_name(names[1].next())),
        Contender::new("check by handles, Rust", || gate.check_handles(*handles[0].next(), feature)),
        Contender::new("check by handles, C entry", || {
            let camera = handles[1].next();
            let camera = brink_camera { gate: camera.gate, index: camera.index };
            // SAFETY: `out` may be written.
            decision(|out| unsafe { check_handles(id, camera, c_feature, out) })
        }),
    ];
    let timed = race("the C ABI, 100 cameras", pace, &mut contenders);
    let mut sheet = Sheet::new("The C ABI's own cost, 100 cameras, one thread", &["best tenth", "p50"]);
    for one in &timed {
        sheet.row([one.name.to_owned(), nanos(one.best), nanos(one.p50)]);
    }
    report.sheet(sheet);
    let added = timed[3].p50 - timed[2].p50;
    report.figure("the C ABI adds to a check by handles", Wanted::AtMost(3.0), added, " ns");
}
