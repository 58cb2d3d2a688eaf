//! What the engine relies on.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use landfall_engine::{
    ClaimRecord, CompareAndSwap, EngineError, Ports, PutNew, ReadBoard, ReadPlan, RunTaskOutcome,
    docs::{FileVersion, Files, MediaType},
    ports::TaskStop,
};
use landfall_planner::{
    Board, Capacity, Claim, LedgerHeader, LedgerObject, Nonce, PLAN_VERSION, Plan, ReleaseId, RunId, TaskArn,
    ledger_key,
};

pub(crate) async fn all(ports: &impl Ports, files: &impl Files) {
    board(ports).await;
    ledger(ports).await;
    plans(ports).await;
    claims(ports).await;
    tasks(ports).await;
    pointer(files).await;
    ports.wake(ports.now()).await.unwrap();
    ports.put_event("Run Settled", &serde_json::json!({ "stack": "shop" })).await.unwrap();
}

fn is_new(answer: &PutNew) -> bool {
    matches!(answer, PutNew::Created { .. })
}

/// A board is created once, and replaced only by a writer that saw the last one.
async fn board(ports: &impl Ports) {
    assert!(matches!(ports.board().await, Err(EngineError::NoBoard { .. })));
    let mut board = Board::new(ports.now());
    assert!(matches!(ports.restore_board(None, &board).await.unwrap(), CompareAndSwap::Written { .. }));
    assert_eq!(ports.restore_board(None, &board).await.unwrap(), CompareAndSwap::Conflict);
    let ReadBoard { board: stored, etag: first } = ports.board().await.unwrap();
    assert_eq!(stored.written().0, 0);
    board.seq = 1;
    let swapped = ports.compare_and_swap_board(&first, &board).await.unwrap();
    let CompareAndSwap::Written { etag: written } = swapped else { panic!("{swapped:?}") };
    board.seq = 2;
    assert_eq!(ports.compare_and_swap_board(&first, &board).await.unwrap(), CompareAndSwap::Conflict);
    let ReadBoard { board: stored, etag: second } = ports.board().await.unwrap();
    assert_eq!(stored.written().0, 1, "the one that lost changed nothing");
    assert_ne!(first, second);
    assert_eq!(written, second, "the ETag of a compare-and-swap is that of the next read");
    assert!(matches!(ports.restore_board(Some(&second), &board).await.unwrap(), CompareAndSwap::Written { .. }));
    assert_eq!(ports.restore_board(Some(&second), &board).await.unwrap(), CompareAndSwap::Conflict);
}

/// Ledger objects are written once, listed in the order of their keys, and gone once deleted.
async fn ledger(ports: &impl Ports) {
    let at = ports.now();
    let page = |seq: u64, previous: Option<&str>| {
        let nonce = Nonce::parse(format!("{seq:x}")).unwrap();
        let header = LedgerHeader {
            ledger: landfall_planner::LEDGER_VERSION,
            seq,
            nonce: nonce.clone(),
            at,
            previous: previous.map(str::to_owned),
        };
        (ledger_key(at, seq, &nonce), LedgerObject { header, lines: Vec::new() })
    };
    let (first, one) = page(1, None);
    let (second, two) = page(2, Some(&first));
    let (third, three) = page(3, Some(&first));
    for (key, page) in [(&second, &two), (&first, &one), (&third, &three)] {
        assert!(is_new(&ports.put_ledger(key, page).await.unwrap()));
    }
    assert!(!is_new(&ports.put_ledger(&first, &two).await.unwrap()));
    assert_eq!(ports.ledger_page(&first).await.unwrap(), Some(one));
    assert_eq!(ports.ledger_after(None, 10).await.unwrap(), [&*first, &*second, &*third]);
    assert_eq!(ports.ledger_after(Some(&first), 1).await.unwrap(), [&*second]);
    assert_eq!(ports.ledger_header(&third).await.unwrap().unwrap().previous, Some(first.clone()));
    assert_eq!(ports.ledger_header(&first).await.unwrap().unwrap().previous, None);
    ports.delete_ledger(&third).await.unwrap();
    ports.delete_ledger(&third).await.unwrap();
    assert_eq!(ports.ledger_header(&third).await.unwrap(), None);
    assert_eq!(ports.ledger_after(Some(&first), 10).await.unwrap(), [&*second]);
}

fn plan(ports: &impl Ports, run: &RunId, at: Timestamp) -> Plan {
    Plan {
        version: PLAN_VERSION,
        dbt_version: None,
        run_id: run.clone(),
        release: ReleaseId::parse("r1").unwrap(),
        created_at: at,
        triggers: Vec::new(),
        steps: Vec::new(),
        nodes: Vec::new(),
        waiting: Vec::new(),
        unfinished_batches: landfall_planner::BatchWindows::new(),
        writes: vec!["db.shop.orders".to_owned()],
        reads: Vec::new(),
        timeout_seconds: 60,
        capacity: Capacity::OnDemand,
        task: ports.task().unwrap().clone(),
    }
}

/// A plan is written once, never changed, and found by its time.
async fn plans(ports: &impl Ports) {
    let at = ports.now();
    let run = RunId::new(at, &Nonce::parse("a1").unwrap(), 0);
    let first = plan(ports, &run, at);
    assert!(is_new(&ports.put_plan(&first).await.unwrap()));
    let other = Plan { timeout_seconds: 61, ..first.clone() };
    assert!(!is_new(&ports.put_plan(&other).await.unwrap()));
    assert_eq!(ports.plan(&run).await.unwrap(), ReadPlan::Found(Box::new(first)));
    let missing = ports.plan(&RunId::parse("missing").unwrap()).await.unwrap();
    assert!(matches!(missing, ReadPlan::Unusable { .. }), "{missing:?}");
    assert_eq!(ports.runs_since(at).await.unwrap(), [run]);
    assert_eq!(ports.runs_since(at + SignedDuration::from_secs(2)).await.unwrap(), []);
}

/// The first claim of an attempt stays, and has S3's time.
async fn claims(ports: &impl Ports) {
    let run = RunId::parse("claimed").unwrap();
    assert_eq!(ports.claim(&run, 1).await.unwrap(), None);
    let task = Claim::Task { task_arn: TaskArn::parse("arn:task/1").unwrap() };
    let revoked = Claim::Revoked { reason: "given up".to_owned() };
    assert!(is_new(&ports.put_claim(&run, 1, &task).await.unwrap()));
    assert!(!is_new(&ports.put_claim(&run, 1, &revoked).await.unwrap()));
    let ClaimRecord { claim: there, written_at: at } = ports.claim(&run, 1).await.unwrap().unwrap();
    assert_eq!(there, task);
    assert_eq!(at.subsec_nanosecond(), 0, "S3's times have whole seconds");
    assert!(ports.now().duration_since(at).abs() < SignedDuration::from_mins(1), "{at}");
    assert!(is_new(&ports.put_claim(&run, 2, &revoked).await.unwrap()), "each attempt has a claim of its own");
    assert_eq!(ports.result(&run, 1).await.unwrap(), None);
}

/// The same call starts one task, another call with its token starts none, and ECS knows the task after a while.
async fn tasks(ports: &impl Ports) {
    let run = RunId::parse("run-1").unwrap();
    let plan = plan(ports, &run, ports.now());
    let call = plan.run_task(1);
    let outcome = ports.run_task(&call).await;
    let RunTaskOutcome::Started { task_arn } = &outcome else { panic!("{outcome:?}") };
    assert_eq!(ports.run_task(&call).await, outcome);
    let mut other = call.clone();
    other.started_by = "run-2".to_owned();
    assert_eq!(ports.run_task(&other).await, RunTaskOutcome::Conflict { task_arns: vec![task_arn.clone()] });
    let second = ports.run_task(&plan.run_task(2)).await;
    assert!(matches!(&second, RunTaskOutcome::Started { task_arn: next } if next != task_arn), "{second:?}");

    let (head, _) = task_arn.as_str().rsplit_once('/').unwrap();
    let unknown = TaskArn::parse(format!("{head}/00000000000000000000000000000000")).unwrap();
    let both = [task_arn.clone(), unknown.clone()];
    for tries in 0.. {
        let described = ports.describe_tasks(&both).await.unwrap();
        assert!(described.missing.contains(&unknown), "{described:?}");
        if let [facts] = described.tasks.as_slice() {
            assert_eq!((facts.started_by.as_deref(), facts.attempt), (Some("run-1"), Some(1)));
            break;
        }
        assert!(tries < 100, "{described:?}");
        ports.pause(Duration::from_secs(2)).await;
    }
    ports.stop_task(TaskStop { task_arn: &unknown, reason: "no such task" }).await.unwrap();
}

/// The docs' pointer is created once, and moved only by a writer that saw it.
async fn pointer(files: &impl Files) {
    assert_eq!(files.get("notes.json").await.unwrap(), None);
    assert!(is_new(&files.put_new("notes.json", b"1", MediaType::Json).await.unwrap()));
    assert!(!is_new(&files.put_new("notes.json", b"2", MediaType::Json).await.unwrap()));
    let FileVersion { bytes, etag: first } = files.get("notes.json").await.unwrap().unwrap();
    assert_eq!(bytes, b"1");
    assert!(matches!(files.swap("notes.json", &first, b"3").await.unwrap(), CompareAndSwap::Written { .. }));
    assert_eq!(files.swap("notes.json", &first, b"4").await.unwrap(), CompareAndSwap::Conflict);
    files.put("notes.json", b"5", MediaType::Json).await.unwrap();
    let FileVersion { bytes, etag: last } = files.get("notes.json").await.unwrap().unwrap();
    assert_eq!(bytes, b"5");
    assert_ne!(first, last);
}
