//! Processes in virtual time: futures that are polled one at a time, and that wait only for the calls they make.
//!
//! Each call is a step. Before it, time passes and other processes run, and the process may crash. Then the fate of
//! the call is drawn, the call is done, and the process continues to its next call. So any two calls of two processes
//! happen in every order, and a process crashes between any two of its calls.

use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use crate::{scenario::Ms, world::World};

/// The world, shared by the processes that run in it.
pub type Shared = Rc<RefCell<World>>;

/// The fate of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The call is done and answered.
    Done,
    /// The call is not done, and the caller gets no answer.
    Refused,
    /// The call is done, but the answer is lost.
    ReplyLost,
    /// The answer is lost, and the call is done this much later.
    Late(Ms),
    /// S3 answers 409, and the call is not done.
    Conflict,
    /// The call is done, and the process crashes before the answer.
    Dies,
}

/// The kind of a call, which determines its possible fates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A call that changes nothing.
    Read,
    /// A call that changes something.
    Write,
    /// A write with a condition, which S3 may answer with 409.
    Conditional,
    /// A wait in virtual time, in milliseconds.
    Wait(Ms),
}

/// A step: pending once, then ready with its fate.
struct Step<'a> {
    world: &'a Shared,
    call: Call,
    command: bool,
}

impl Future for Step<'_> {
    type Output = Fate;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Fate> {
        let mut world = self.world.borrow_mut();
        if self.command {
            return Poll::Ready(world.fate.take().unwrap_or(Fate::Done));
        }
        world.command = Some(self.call);
        drop(world);
        self.command = true;
        Poll::Pending
    }
}

/// Lets time pass and other processes run. Returns the fate of the call.
pub async fn step(world: &Shared, call: Call) -> Fate {
    Step { world, call, command: false }.await
}

/// Never returns: the crashed process is dropped.
pub async fn die() -> ! {
    std::future::pending::<()>().await;
    unreachable!("a future that is never ready")
}

/// Runs a future to its end. Each call is done and answered at once, and each pause ends as it begins.
pub fn drive<T>(world: &Shared, future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(std::task::Waker::noop());
    loop {
        world.borrow_mut().fate = Some(Fate::Done);
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
        let mut world = world.borrow_mut();
        if let Some(Call::Wait(time)) = world.command.take() {
            world.now += time;
        }
    }
}

/// Pauses the process.
pub async fn wait(world: &Shared, time: Ms) {
    step(world, Call::Wait(time)).await;
}
