"""What the simulated account works on: flows, and what their agents say and ask for."""

import attrs


@attrs.frozen
class Flow:
    """A flow and the words of its agent."""

    name: str
    subject: str
    prompt: str
    model: str
    lines: tuple[str, ...]
    tools: tuple[tuple[str, str, dict[str, object]], ...]
    """(server, tool, arguments)."""
    summary: str
    failure: str


FLOWS = (
    Flow(
        "Review pull request",
        "Pull request #482 opened",
        "Review the change for correctness, tests and style.",
        "claude-sonnet",
        (
            "Checked out branch feature/retry-budget (14 files changed)",
            "Reading src/billing/retries.py",
            "Comparing with the previous back-off behaviour",
            "Running the unit tests of the changed modules",
            "212 tests passed, 0 failed ✓",
            "Found one unbounded loop in retries.py:88",
            "Drafting review comments",
        ),
        (
            ("github", "get_pull_request", {"number": 482}),
            ("github", "list_files", {"number": 482}),
            ("github", "create_review", {"number": 482, "event": "COMMENT"}),
        ),
        "Left three comments; one blocks the merge.",
        "GitHub answered 502 three times in a row",
    ),
    Flow(
        "Triage new issues",
        "Nightly schedule",
        "Label the issues of the last day and find duplicates.",
        "claude-haiku",
        (
            "Fetched 23 issues opened since yesterday",
            "Labelling #1107 as bug, area/import",
            "#1109 looks like a duplicate of #874",
            "Asking the reporter of #1111 for a log file",
            "Weighing severity by number of affected users",
            "Posting the morning summary",
        ),
        (
            ("github", "search_issues", {"query": "is:open created:>yesterday"}),
            ("github", "add_labels", {"number": 1107, "labels": ["bug"]}),
            ("slack", "post_message", {"channel": "#triage"}),
        ),
        "23 issues labelled, 2 closed as duplicates.",
        "The model's answer was no valid JSON after two repairs",
    ),
    Flow(
        "Update dependencies",
        "Weekly schedule",
        "Raise outdated dependencies where the tests still pass.",
        "claude-sonnet",
        (
            "Reading the lock file: 96 packages, 11 outdated",
            "Raising httpx 0.27.2 → 0.28.1",
            "Running the test suite (this takes a while)",
            "1 failure in test_proxies.py, looking into it",
            "Adapted the call of AsyncClient(proxies=...)",
            "All green, opening a pull request",
        ),
        (
            ("shell", "run", {"command": "pip list --outdated"}),
            ("shell", "run", {"command": "pytest -q"}),
            ("github", "create_pull_request", {"title": "Raise dependencies"}),
        ),
        "Pull request #483 raises 9 packages; 2 held back.",
        "The test suite failed on the main branch already",
    ),
    Flow(
        "Answer support e-mail",
        "E-mail from a customer",
        "Answer the question from the documentation, or hand over.",
        "claude-haiku",
        (
            "Question is about exporting invoices as CSV",
            "Searching the handbook for 'export'",
            "Two pages fit: Invoices, Data export",
            "Writing an answer in the customer's language",
            "Checking tone and links",
        ),
        (
            ("docs", "search", {"query": "export invoices csv"}),
            ("docs", "read_page", {"path": "/billing/export"}),
            ("mail", "create_draft", {"to": "customer@example.com"}),
        ),
        "Drafted an answer with two links.",
        "The mailbox refused the draft: quota exceeded",
    ),
)

#: (tool, arguments, what the agent gives as its reason)
REQUESTS: tuple[tuple[str, dict[str, object], str], ...] = (
    (
        "deploy_service",
        {"service": "billing", "env": "production", "version": "4.12.0"},
        "All checks passed.",
    ),
    ("merge_pull_request", {"number": 482, "method": "squash"}, "Two approvals, tests are green."),
    ("send_email", {"to": "customer@example.com", "subject": "Your export"}, "The draft is ready."),
    ("delete_branch", {"branch": "feature/old-importer"}, "Merged 40 days ago, no open work."),
    ("run_migration", {"database": "billing", "name": "0042_invoice_index"}, "Dry run was clean."),
)

AGENTS = ("release-agent", "review-agent", "support-agent")
