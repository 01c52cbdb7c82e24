using System.Globalization;
using Ekiben.Storage;
using Microsoft.Extensions.Primitives;

namespace Ekiben.Web;

/// <summary>What a route of either API does with a request whose caller is known.</summary>
internal delegate Task<Answer> ApiHandler(ApiRequest request);

/// <summary>
/// The edge of both APIs. Every request passes these steps in this order: count it, refuse what a page of elsewhere would change, read the body, find the site, refuse what is not JSON,
/// look for a kept answer, handle, keep the answer, answer. Nothing above this class sees an exception.
/// </summary>
internal static partial class ApiEdge
{
    /// <summary>Longest time that a body may take to arrive and be handled is Kestrel's; this one is of the answer to a bug.</summary>
    private const string Broken = "The server failed to handle this request; its log says why.";

    public static RouteHandlerBuilder Map(this IEndpointRouteBuilder routes, string method, string pattern, ApiHandler handler)
    {
        Delegate run = (HttpContext http) => RunAsync(http, handler);
        return routes.MapMethods(pattern, [method], run);
    }

    private static async Task<IResult> RunAsync(HttpContext http, ApiHandler handler)
    {
        var style = ApiStyles.Of(http.Request.Path);
        try
        {
            return await StepsAsync(http, style, handler);
        }
        catch (BadHttpRequestException refused) when (refused.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return style.Refuse(refused.StatusCode, "too_large", $"The body is larger than {RequestLimits.MaxBodyBytes >> 20} MiB.");
        }
        catch (BadHttpRequestException refused)
        {
            return style.Refuse(refused.StatusCode, "invalid_request", "The request could not be read.");
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to read an answer.
            return Results.StatusCode(StatusCodes.Status499ClientClosedRequest);
        }
#pragma warning disable CA1031 // The HTTP edge: a bug becomes a 500 and a line in the log, and the server goes on.
        catch (Exception bug)
#pragma warning restore CA1031
        {
            Log.Failed(http.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger("Ekiben.Web.Api"), bug, http.Request.Method, http.GetEndpoint()?.DisplayName);
            return style.Refuse(StatusCodes.Status500InternalServerError, "internal_error", Broken);
        }
    }

    private static async Task<Answer> StepsAsync(HttpContext http, ApiStyle style, ApiHandler handler)
    {
        // 0. Not too often, and not for a page of elsewhere.
        if (http.RequestServices.GetRequiredService<RequestRate>().Take(http) is { } wait)
        {
            http.Response.Headers.RetryAfter = Math.Max(1, Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
            return style.Refuse(StatusCodes.Status429TooManyRequests, "too_many_requests", "Too many requests; wait before the next one.");
        }

        if (ForeignPage.Changes(http.Request))
        {
            return style.Refuse(StatusCodes.Status403Forbidden, "cross_site", "Pages of other sites may change nothing here.");
        }

        // 1. The body, since the site may be named in it.
        var body = await RequestBody.ReadAsync(http.Request, http.RequestAborted);

        // 2. The site.
        if (http.Features.Get<ApiCaller>() is not { } caller || !SiteUuid.Means(caller.Site, http.Request, body.Json))
        {
            return style.Unauthorized();
        }

        if (style == ApiStyle.Bento && caller.Site.IsStrict && SiteUuid.Missing(http.Request, body) is { } missing)
        {
            return missing;
        }

        // 3. JSON or nothing.
        if (body.Error is { } error)
        {
            return style.Refuse(StatusCodes.Status400BadRequest, "invalid_json", error);
        }

        if (style == ApiStyle.Bento && caller.Site.IsStrict && StrictRequest.Fault(http, body.Json) is { } unknown)
        {
            return style.Refuse(StatusCodes.Status400BadRequest, "invalid_request", unknown);
        }

        await using var db = http.RequestServices.GetRequiredService<Database>().Open(caller.SiteId);
        if (!HttpMethods.IsPost(http.Request.Method) || !http.Request.Headers.TryGetValue(Idempotency.Header, out var keys))
        {
            return await handler(new ApiRequest(http, style, caller, body, db));
        }

        return await OnceAsync(http, style, caller, body, db, keys, handler);
    }

    private static async Task<Answer> OnceAsync(
        HttpContext http, ApiStyle style, ApiCaller caller, RequestBody body, Db db, StringValues keys, ApiHandler handler)
    {
        var key = keys.ToString();
        if (key.Length is 0 or > Idempotency.MaxKeyLength)
        {
            return style.Refuse(StatusCodes.Status400BadRequest, "invalid_idempotency_key", $"{Idempotency.Header} must have 1 to {Idempotency.MaxKeyLength} characters.");
        }

        var idempotency = http.RequestServices.GetRequiredService<Idempotency>();

        // 4. An answer that is kept already; a twin that runs now is waited for.
        using var turn = await idempotency.EnterAsync(caller.SiteId, key, http.RequestAborted);
        var pending = idempotency.Pending(caller.SiteId, key, http.Request, body);
        if (await idempotency.FindAsync(db, pending, style, http.RequestAborted) is { } kept)
        {
            return kept;
        }

        // 5. The work, which keeps its answer where it writes with WriteAsync.
        var request = new ApiRequest(http, style, caller, body, db) { Idempotency = pending };
        var answer = await handler(request);

        // 6. Actions on a broadcast have a transaction of their own. A crash before this one leaves no kept answer: the repetition is then told
        // what state the broadcast is in, and changes nothing.
        return answer.Succeeded && !pending.IsKept ? await request.WriteAsync(() => Task.FromResult(answer)) : answer;
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "{Method} {Route} failed")]
        public static partial void Failed(ILogger logger, Exception bug, string method, string? route);
    }
}
