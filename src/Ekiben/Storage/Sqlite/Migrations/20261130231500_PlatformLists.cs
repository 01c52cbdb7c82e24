using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Ekiben.Storage.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class PlatformLists : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "way",
                table: "feedback",
                type: "TEXT",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "domain_checks",
                columns: table => new
                {
                    id = table.Column<long>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    site_id = table.Column<long>(type: "INTEGER", nullable: false),
                    domain = table.Column<string>(type: "TEXT", nullable: false),
                    checked_at = table.Column<long>(type: "INTEGER", nullable: false),
                    verdicts = table.Column<string>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_domain_checks", x => x.id);
                });

            migrationBuilder.CreateIndex(
                name: "ix_mails_of_programs",
                table: "mails",
                columns: new[] { "site_id", "id" },
                filter: "step_id IS NULL");

            migrationBuilder.CreateIndex(
                name: "ix_mails_of_steps",
                table: "mails",
                columns: new[] { "site_id", "id" },
                filter: "step_id IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "IX_enrolments_sequence_id_state_id",
                table: "enrolments",
                columns: new[] { "sequence_id", "state", "id" });

            migrationBuilder.CreateIndex(
                name: "IX_domain_checks_site_id_domain",
                table: "domain_checks",
                columns: new[] { "site_id", "domain" },
                unique: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "domain_checks");

            migrationBuilder.DropIndex(
                name: "ix_mails_of_programs",
                table: "mails");

            migrationBuilder.DropIndex(
                name: "ix_mails_of_steps",
                table: "mails");

            migrationBuilder.DropIndex(
                name: "IX_enrolments_sequence_id_state_id",
                table: "enrolments");

            migrationBuilder.DropColumn(
                name: "way",
                table: "feedback");
        }
    }
}
