using System.Globalization;
using System.Text.Json;
using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Web;

/// <summary>One request whose caller is known: what handlers read from and write with.</summary>
internal sealed class ApiRequest(HttpContext http, ApiStyle style, ApiCaller caller, RequestBody body, Db db)
{
    public HttpContext Http => http;

    public ApiStyle Style => style;

    public ApiCaller Caller => caller;

    public Site Site => caller.Site;

    public SiteId SiteId => caller.SiteId;

    public Actor Actor => caller.Actor;

    /// <summary>Sees the caller's site only.</summary>
    public Db Db => db;

    public RequestBody Body => body;

    public CancellationToken Cancel => http.RequestAborted;

    /// <summary>The key under which the answer will be kept, null without <c>Idempotency-Key</c>.</summary>
    public PendingKey? Idempotency { get; init; }

    public T Service<T>() where T : notnull => http.RequestServices.GetRequiredService<T>();

    /// <summary>A part of the path.</summary>
    public string Route(string name) => http.Request.RouteValues[name] as string ?? "";

    /// <summary>A number in the path; anything that is no number is no id either.</summary>
    public BroadcastId? BroadcastId =>
        long.TryParse(Route("id"), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? new BroadcastId(id) : null;

    /// <summary>The last value of that name in the query, null when absent or blank.</summary>
    public string? Query(string name) =>
        http.Request.Query.TryGetValue(name, out var values) && values.LastOrDefault() is { } value && !string.IsNullOrWhiteSpace(value) ? value.Trim() : null;

    /// <summary>A whole number from the query, kept within its limits; <paramref name="otherwise"/> when absent or no number.</summary>
    public int Query(string name, int otherwise, int min, int max) =>
        long.TryParse(Query(name), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? (int)Math.Clamp(number, min, max) : otherwise;

    public Answer BadRequest(string sentence, string code = "invalid_request") => style.Refuse(StatusCodes.Status400BadRequest, code, sentence);

    public Answer NotFound(string sentence) => style.Refuse(StatusCodes.Status404NotFound, "not_found", sentence);

    /// <summary>A field of the body's object; undefined when it is not there.</summary>
    public JsonElement Field(string name) => body.Field(name);

    /// <summary>
    /// Runs <paramref name="write"/> in one transaction, with the kept answer in it. A refusal writes nothing. Hold it for milliseconds:
    /// whatever takes time is done before.
    /// </summary>
    public async Task<Answer> WriteAsync(Func<Task<Answer>> write)
    {
        await using var scope = await Service<Database>().BeginWriteAsync(db, Cancel);
        var answer = await write();
        if (!answer.Succeeded)
        {
            return answer;
        }

        Idempotency?.Keep(db, answer);
        await db.SaveChangesAsync(Cancel);
        await scope.CommitAsync(Cancel);
        return answer;
    }

    /// <summary>For what began to be due in this request.</summary>
    public void WakeEngine() => Service<EngineSignal>().Wake();
}
