-- When each periodic job last ended well; what never did, when it was first to be done. A process
-- that begins to lead learns here how late a job is.
create table jobs (
    name    text primary key,
    done_at timestamptz not null default clock_timestamp()
);
