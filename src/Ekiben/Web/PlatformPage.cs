using Ekiben.Accounts;
using Ekiben.Storage;
using Microsoft.AspNetCore.Components;

namespace Ekiben.Web;

/// <summary>
/// What the pages of lists and settings share: who looks, what they may do, and the one way to change something. A page that only shows
/// what a live engine does (broadcasts, mailbox) has a rhythm of its own and doesn't begin here.
/// </summary>
public abstract class PlatformPage : ComponentBase, IDisposable
{
    private readonly CancellationTokenSource _gone = new();
    private int _reading;

    protected PlatformPage() => Gone = _gone.Token;

    [Inject]
    private protected Database Database { get; set; } = null!;

    [Inject]
    private protected Access Access { get; set; } = null!;

    [Inject]
    private protected Viewer Viewer { get; set; } = null!;

    [Inject]
    private protected TimeProvider Clock { get; set; } = null!;

    [Inject]
    private protected NavigationManager Navigation { get; set; } = null!;

    /// <summary>Ends with the page.</summary>
    protected CancellationToken Gone { get; }

    /// <summary>Who looks, as of the page's first reading; what they may do is read again at each action.</summary>
    private protected PlatformUser? Me { get; private set; }

    /// <summary>True once the page knows whether what its address names is there: before, it says neither.</summary>
    protected bool IsRead { get; set; }

    /// <summary>Why the last thing asked for did not happen; one sentence.</summary>
    protected string? Problem { get; set; }

    /// <summary>What was just done; one sentence.</summary>
    protected string? Done { get; set; }

    private protected bool May(Right right) => Me?.May(right) == true;

    protected override async Task OnInitializedAsync() => Me = await Access.WhoAsync(Gone);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            _gone.Cancel();
            _gone.Dispose();
        }
    }

    /// <summary>
    /// Runs a change in one transaction, if the person has the right now.
    /// <paramref name="change"/> returns one sentence when it cannot be, and then nothing is written.
    /// </summary>
    /// <returns>Whether it was written; if not, <see cref="Problem"/> says why.</returns>
    private protected async Task<bool> WriteAsync(Right right, SiteId? site, Func<Db, PlatformUser, Task<string?>> change)
    {
        (Problem, Done) = (null, null);
        if (await Access.WithAsync(right, Gone) is not { } user)
        {
            Problem = Access.Refusal;
            return false;
        }

        await using var db = site is { } one ? Database.Open(one) : Database.OpenEverySite();
        await using var write = await Database.BeginWriteAsync(db, Gone);
        Problem = await change(db, user);
        if (Problem is not null)
        {
            return false;
        }

        await db.SaveChangesAsync(Gone);
        await write.CommitAsync(Gone);
        return true;
    }

    /// <summary>Adds to the audit log, with the change that it tells of.</summary>
    private protected void Audit(Db db, PlatformUser user, string action, string subject, SiteId? site = null, string? detail = null) =>
        db.AuditLog.Add(new AuditEntry { SiteId = site, Actor = user.Actor.Name, Action = action, Subject = subject, Detail = detail, At = Clock.GetUtcNow() });

    /// <summary>Call at the start of a reading: what an earlier one is still counting is then dropped.</summary>
    protected void BeginReading() => _reading++;

    /// <summary>Counts something slow beside the page and shows it when it is there: the page itself does not wait for it.</summary>
    protected void Later<T>(Func<CancellationToken, Task<T>> read, Action<T> show)
    {
        var reading = _reading;
        _ = Task.Run(CountAsync, Gone);

        async Task CountAsync()
        {
            try
            {
                var result = await read(Gone);
                await InvokeAsync(() =>
                {
                    if (reading == _reading && !Gone.IsCancellationRequested)
                    {
                        show(result);
                        StateHasChanged();
                    }
                });
            }
            catch (OperationCanceledException) when (Gone.IsCancellationRequested)
            {
                // The page was left.
            }
            catch (Exception e)
            {
                await DispatchExceptionAsync(e);
            }
        }
    }
}
