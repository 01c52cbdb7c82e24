using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Ekiben.Storage.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class Sequences : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<long>(
                name: "step_id",
                table: "mails",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "enrolments",
                columns: table => new
                {
                    id = table.Column<long>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    site_id = table.Column<long>(type: "INTEGER", nullable: false),
                    sequence_id = table.Column<long>(type: "INTEGER", nullable: false),
                    subscriber_id = table.Column<long>(type: "INTEGER", nullable: false),
                    position = table.Column<int>(type: "INTEGER", nullable: false),
                    state = table.Column<string>(type: "TEXT", nullable: false),
                    since_at = table.Column<long>(type: "INTEGER", nullable: false),
                    due_at = table.Column<long>(type: "INTEGER", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_enrolments", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "sequence_steps",
                columns: table => new
                {
                    id = table.Column<long>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    site_id = table.Column<long>(type: "INTEGER", nullable: false),
                    sequence_id = table.Column<long>(type: "INTEGER", nullable: false),
                    position = table.Column<int>(type: "INTEGER", nullable: false),
                    subject = table.Column<string>(type: "TEXT", nullable: false),
                    preview_text = table.Column<string>(type: "TEXT", nullable: true),
                    html = table.Column<string>(type: "TEXT", nullable: false),
                    type = table.Column<string>(type: "TEXT", nullable: false),
                    delay_unit = table.Column<string>(type: "TEXT", nullable: false),
                    delay_count = table.Column<int>(type: "INTEGER", nullable: false),
                    cc = table.Column<string>(type: "TEXT", nullable: true),
                    bcc = table.Column<string>(type: "TEXT", nullable: true),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_sequence_steps", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "sequences",
                columns: table => new
                {
                    id = table.Column<long>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    site_id = table.Column<long>(type: "INTEGER", nullable: false),
                    public_id = table.Column<string>(type: "TEXT", nullable: false),
                    name = table.Column<string>(type: "TEXT", nullable: false),
                    enrol_tag = table.Column<string>(type: "TEXT", nullable: true),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_sequences", x => x.id);
                });

            migrationBuilder.CreateIndex(
                name: "ix_mails_step",
                table: "mails",
                columns: new[] { "step_id", "subscriber_id" },
                unique: true,
                filter: "step_id IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "IX_enrolments_sequence_id_subscriber_id",
                table: "enrolments",
                columns: new[] { "sequence_id", "subscriber_id" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_enrolments_state_due_at",
                table: "enrolments",
                columns: new[] { "state", "due_at" });

            migrationBuilder.CreateIndex(
                name: "IX_sequence_steps_sequence_id_position",
                table: "sequence_steps",
                columns: new[] { "sequence_id", "position" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_sequences_public_id",
                table: "sequences",
                column: "public_id",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_sequences_site_id_id",
                table: "sequences",
                columns: new[] { "site_id", "id" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "enrolments");

            migrationBuilder.DropTable(
                name: "sequence_steps");

            migrationBuilder.DropTable(
                name: "sequences");

            migrationBuilder.DropIndex(
                name: "ix_mails_step",
                table: "mails");

            migrationBuilder.DropColumn(
                name: "step_id",
                table: "mails");
        }
    }
}
