namespace Ekiben.Web;

/// <summary>The two APIs differ in how they say no: Bento's in one sentence, ours as problem+json with a stable code.</summary>
internal enum ApiStyle
{
    /// <summary><c>/api/v1</c></summary>
    Bento,

    /// <summary><c>/api/ekiben/v1</c></summary>
    Ekiben,
}

internal static class ApiStyles
{
    public const string BentoRoot = "/api/v1";

    /// <summary>Where Bento's first clients posted events, outside the base of everything else.</summary>
    public const string TrackingPath = "/tracking/events";

    public const string EkibenRoot = "/api/ekiben/v1";

    public static ApiStyle Of(PathString path) => path.StartsWithSegments(BentoRoot) || path.StartsWithSegments(TrackingPath) ? ApiStyle.Bento : ApiStyle.Ekiben;

    /// <summary>Whether a path is of either API.</summary>
    public static bool Has(PathString path) => Of(path) == ApiStyle.Bento || path.StartsWithSegments(EkibenRoot);

    public static Answer Unauthorized(this ApiStyle style) =>
        style.Refuse(StatusCodes.Status401Unauthorized, "unauthorized", style == ApiStyle.Bento ? "Unauthorized" : "The key, its secret or the site_uuid is wrong.");

    public static Answer Refuse(this ApiStyle style, int status, string code, string sentence) =>
        style == ApiStyle.Bento ? Answer.Error(status, sentence) : Answer.Problem(status, code, sentence);
}
