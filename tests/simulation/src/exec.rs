//! Processes in virtual time: futures that are polled one at a time, and wait for nothing but the calls they make.
//!
//! Each call is a step. Before it, time passes and others run; a process may die there. Then the call's fate is drawn, the call is done, and
//! the process goes on to its next call. So any two calls of any two processes meet in every order, and a process dies between any two.

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

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is done, and answered.
    Done,
    /// It is not done, and the answer is no answer.
    Refused,
    /// It is done, and the answer is lost.
    ReplyLost,
    /// The answer is lost, and it is done so much later.
    Late(Ms),
    /// S3's 409: not done.
    Conflict,
    /// It is done, and the process dies before it hears.
    Dies,
}

/// What kind of call it is: which fates it can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// It changes nothing.
    Read,
    /// It changes something.
    Write,
    /// A write with a condition, which S3 may answer with 409.
    Conditional,
    /// It only takes time.
    Wait(Ms),
}

/// One step: pending once, then ready with its fate.
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

/// Lets time pass and others run, and says what becomes of the call.
pub async fn step(world: &Shared, call: Call) -> Fate {
    Step { world, call, command: false }.await
}

/// Never comes back: the process is taken away.
pub async fn die() -> ! {
    std::future::pending::<()>().await;
    unreachable!("a future that is never ready")
}

/// Runs a future to its end: each call done and answered at once, each wait over as it begins.
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

/// Only time.
pub async fn wait(world: &Shared, time: Ms) {
    step(world, Call::Wait(time)).await;
}
